import { FailureError, isAbort } from '@/domain/failure'
import type { Failure } from '@/domain/failure'

export interface Ask {
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
}

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

/** What every request says of the page that makes it. */
function ownHeaders(): Record<string, string> {
  return { 'X-Requested-With': 'XMLHttpRequest', ...(member === null ? {} : { 'X-Imaging-Member': String(member) }) }
}

/** Why an answer is no success, as an error to throw; `asked` is the session in which was asked. */
async function refusal(response: Response, asked: number): Promise<FailureError> {
  const failure = await failureFor(response)
  // An answer from before the member signed in again says nothing of the new session.
  if (failure.kind === 'signed-out' && asked === session) onSignedOut()
  return new FailureError(failure)
}

/** Ask the server; anything but success is thrown as a `FailureError`, an abort as the browser's own error. */
export async function ask(path: string, { method = 'GET', body, headers, signal }: Ask = {}): Promise<Response> {
  let response: Response
  const asked = session
  try {
    response = await fetch(path, {
      method,
      credentials: 'same-origin',
      headers: {
        ...ownHeaders(),
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ?? null,
    })
  } catch (error) {
    if (isAbort(error)) throw error
    throw new FailureError({ kind: 'offline' })
  }
  if (response.ok) return response
  throw await refusal(response, asked)
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

export interface Bytes {
  readonly method: 'POST' | 'PATCH'
  readonly body: FormData | Blob
  readonly headers?: Readonly<Record<string, string>>
  /** Is told how many bytes have gone so far. */
  readonly sent: (bytes: number) => void
  readonly signal: AbortSignal
}

/** Send bytes and be told how many have gone; `fetch` cannot tell it, so this is the one XMLHttpRequest. */
export function send(path: string, { method, body, headers, sent, signal }: Bytes): Promise<Headers> {
  return new Promise((resolve, reject) => {
    const asked = session
    const request = new XMLHttpRequest()
    request.open(method, path)
    for (const [name, value] of Object.entries({ ...ownHeaders(), ...headers })) request.setRequestHeader(name, value)
    request.upload.onprogress = ({ loaded }) => sent(loaded)
    request.onerror = () => reject(new FailureError({ kind: 'offline' }))
    request.onabort = () => reject(new DOMException('aborted', 'AbortError'))
    request.onload = () => {
      // An answer without content may have no body at all, not even an empty one.
      const response = new Response(request.responseText || null, { status: request.status, headers: headersOf(request) })
      if (response.ok) resolve(response.headers)
      else void refusal(response, asked).then(reject)
    }
    if (signal.aborted) {
      reject(new DOMException('aborted', 'AbortError'))
      return
    }
    signal.addEventListener('abort', () => request.abort(), { once: true })
    request.send(body)
  })
}

function headersOf(request: XMLHttpRequest): Headers {
  const lines = request.getAllResponseHeaders().split('\r\n').filter((line) => line.includes(':'))
  return new Headers(lines.map((line): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]))
}
