import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { useSession } from '@/app/stores/session'

let member = 1
let deleting: () => Promise<Response> = () => Promise.resolve(new Response('{}'))

beforeEach(() => {
  member = 1
  setActivePinia(createPinia())
  vi.stubGlobal('fetch', (_path: string, sent: RequestInit) =>
    sent.method === 'DELETE'
      ? deleting()
      : Promise.resolve(new Response(JSON.stringify({ user: { id: member, username: `member-${member}` } }))),
  )
})
afterEach(() => vi.unstubAllGlobals())

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
  deleting = () => Promise.resolve(new Response('{}', { status: 401 }))
  await session.signOut()
  expect(session.user).toBeNull()
})

test('another member after an ended session is told that the page is stale, the same one is not', async () => {
  const session = useSession()
  expect(await session.signIn('member-1', 'password')).toBe(false)
  session.ended()
  expect(await session.signIn('member-1', 'password')).toBe(false)
  session.ended()
  member = 2
  expect(await session.signIn('member-2', 'password')).toBe(true)
  expect(session.user?.id).toBe(2)
})
