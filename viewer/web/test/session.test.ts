import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ask, askAs, send, whenSignedOut } from '@/api/client'
import { useSession } from '@/app/stores/session'

let member = 1
let deleting: () => Promise<Response> = () => Promise.resolve(new Response('{}'))
let asking: () => Promise<Response> = () => Promise.resolve(new Response('{}'))
let asked: Record<string, string>[] = []

beforeEach(() => {
  member = 1
  asked = []
  askAs(null)
  setActivePinia(createPinia())
  whenSignedOut(() => useSession().end())
  vi.stubGlobal('fetch', (path: string, sent: RequestInit) => {
    asked.push(sent.headers as Record<string, string>)
    if (path !== '/api/session.json') return asking()
    if (sent.method === 'DELETE') return deleting()
    return Promise.resolve(new Response(JSON.stringify({ user: { id: member, username: `member-${member}` } })))
  })
})
afterEach(() => vi.unstubAllGlobals())

const unauthorised = (): Promise<Response> => Promise.resolve(new Response('{}', { status: 401 }))

test('a member whose signing out fails is still signed in', async () => {
  const session = useSession()
  await session.resume()
  deleting = () => Promise.reject(new TypeError('no network'))
  await expect(session.signOut()).rejects.toThrow('offline')
  expect(session.user?.id).toBe(1)
  deleting = () => Promise.resolve(new Response('{}'))
  await session.signOut()
  expect(session.user).toBeNull()
})

test('a session that had ended already is signed out of', async () => {
  const session = useSession()
  await session.resume()
  deleting = unauthorised
  await session.signOut()
  expect([session.user, session.expired]).toEqual([null, false])
})

test('an ended session keeps whose page it is, and the same member goes on', async () => {
  const session = useSession()
  await session.resume()
  asking = unauthorised
  await expect(ask('/api/project.json')).rejects.toThrow('signed-out')
  expect([session.user?.username, session.expired]).toEqual(['member-1', true])
  expect(await session.signIn('member-1', 'password')).toBe(false)
  expect([session.user?.username, session.expired, session.resumed]).toEqual(['member-1', false, 1])
})

test('a page of one member never asks for another, who is told to load it anew', async () => {
  const session = useSession()
  await session.signIn('member-1', 'password')
  session.end()
  member = 2
  expect(await session.signIn('member-2', 'password')).toBe(true)
  expect([session.user?.id, session.expired, session.resumed]).toEqual([1, true, 0])
  asked = []
  asking = () => Promise.resolve(new Response('{}'))
  await ask('/api/annotation.json', { method: 'POST', body: {} })
  expect(asked[0]?.['X-Imaging-Member']).toBe('1')
})

test('an answer from before the new session does not end it', async () => {
  const session = useSession()
  await session.resume()
  let answer: (response: Response) => void = () => undefined
  asking = () => new Promise((resolve) => (answer = resolve))
  const late = ask('/api/project.json')
  session.end()
  await session.signIn('member-1', 'password')
  answer(new Response('{}', { status: 401 }))
  await expect(late).rejects.toThrow('signed-out')
  expect(session.expired).toBe(false)
})

test('an upload that began before the new session does not end it', async () => {
  class Request {
    static latest: Request
    readonly upload = {}
    readonly status = 401
    readonly responseText = '{}'
    onload: () => void = () => undefined
    open = (): void => undefined
    setRequestHeader = (): void => undefined
    getAllResponseHeaders = (): string => ''
    send(): void {
      Request.latest = this
    }
  }
  vi.stubGlobal('XMLHttpRequest', Request)
  const session = useSession()
  await session.resume()
  const late = send('/api/project/1/upload', { method: 'POST', body: new FormData(), sent: () => undefined, signal: new AbortController().signal })
  session.end()
  await session.signIn('member-1', 'password')
  Request.latest.onload()
  await expect(late).rejects.toThrow('signed-out')
  expect(session.expired).toBe(false)
})
