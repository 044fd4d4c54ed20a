import { FailureError } from '@/domain/failure'
import type { Failure } from '@/domain/failure'

export interface Ask {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly body?: unknown
  readonly form?: FormData
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
}

const MEMBER = 'X-Imaging-Member'

let onSignedOut: () => void = () => undefined
let member: number | null = null
let session = 0

/** For whom this page asks: the server refuses where the browser's session has become another member's. */
export function askAs(id: number | null): void {
  member = id
  session += 1
}

/** Called whenever the server says that the session is over. */
export function whenSignedOut(listener: () => void): void {
  onSignedOut = listener
}

async function explain(response: Response): Promise<{ message: string; revision: number | null }> {
  try {
    const told: unknown = await response.json()
    if (typeof told !== 'object' || told === null) return { message: '', revision: null }
    const fields = told as Record<string, unknown>
    const message = [fields.errors, fields.detail, fields.title].find((text) => typeof text === 'string')
    const revision = typeof fields.revision === 'number' ? fields.revision : null
    return { message: typeof message === 'string' ? message : '', revision }
  } catch {
    return { message: '', revision: null }
  }
}

async function failureFor(response: Response): Promise<Failure> {
  const { message, revision } = await explain(response)
  switch (response.status) {
    case 401:
      return { kind: 'signed-out' }
    case 403:
      return { kind: 'forbidden', message }
    case 404:
      return { kind: 'absent' }
    case 409:
      return { kind: 'conflict', message, revision }
    default:
      return response.status < 500
        ? { kind: 'refused', message, status: response.status }
        : { kind: 'broken', status: response.status }
  }
}

/** Ask the server; anything but success is thrown as a `FailureError`, an abort as the browser's own error. */
export async function ask(path: string, { method = 'GET', body, form, headers, signal }: Ask = {}): Promise<Response> {
  let response: Response
  const asked = session
  try {
    response = await fetch(path, {
      method,
      credentials: 'same-origin',
      headers: {
        'X-Requested-With': 'XMLHttpRequest',
        ...(member === null ? {} : { [MEMBER]: String(member) }),
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...headers,
      },
      body: form ?? (body === undefined ? null : JSON.stringify(body)),
      signal: signal ?? null,
    })
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw new FailureError({ kind: 'offline' })
  }
  if (response.ok) return response
  const failure = await failureFor(response)
  // An answer from before the member signed in again says nothing of the new session.
  if (failure.kind === 'signed-out' && asked === session) onSignedOut()
  throw new FailureError(failure)
}

export async function askJson(path: string, options: Ask = {}): Promise<unknown> {
  const response = await ask(path, options)
  return response.status === 204 ? null : response.json()
}

/** The items of a Cytomine collection. */
export async function askCollection(path: string, signal?: AbortSignal): Promise<unknown[]> {
  const told = await askJson(path, { signal })
  if (Array.isArray(told)) return told
  const collection = (told as { collection?: unknown } | null)?.collection
  return Array.isArray(collection) ? collection : []
}

/** Upload files with progress 0-1; `fetch` cannot tell it, so this is the one XMLHttpRequest. */
export function send(path: string, form: FormData, progress: (share: number) => void, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('POST', path)
    request.setRequestHeader('X-Requested-With', 'XMLHttpRequest')
    if (member !== null) request.setRequestHeader(MEMBER, String(member))
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) progress(event.loaded / event.total)
    }
    request.onerror = () => reject(new FailureError({ kind: 'offline' }))
    request.onabort = () => reject(new DOMException('aborted', 'AbortError'))
    request.onload = () => {
      const response = new Response(request.responseText, { status: request.status })
      if (response.ok) {
        resolve(JSON.parse(request.responseText || 'null'))
        return
      }
      void failureFor(response).then((failure) => {
        if (failure.kind === 'signed-out') onSignedOut()
        reject(new FailureError(failure))
      })
    }
    signal.addEventListener('abort', () => request.abort())
    request.send(form)
  })
}
