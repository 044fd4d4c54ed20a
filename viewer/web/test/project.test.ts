import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { useProject } from '@/app/stores/project'
import { mayResume } from '@/domain/project'
import type { Project } from '@/domain/project'

beforeEach(() => {
  setActivePinia(createPinia())
  vi.stubGlobal('fetch', (path: string, sent: RequestInit) =>
    new Promise((resolve, reject) => {
      sent.signal?.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')))
      const id = Number(/project\/(\d+)/.exec(path)?.[1])
      setTimeout(() => resolve(new Response(JSON.stringify({ id }), { status: id === 9 ? 404 : 200 })))
    }),
  )
})
afterEach(() => vi.unstubAllGlobals())

test('a project that was left before it came is no failure of the next one', async () => {
  const store = useProject()
  const leaving = new AbortController()
  const left = store.open(1, leaving.signal)
  leaving.abort()
  const opened = store.open(2)
  await expect(left).rejects.toThrow('aborted')
  await opened
  expect([store.project?.id, store.failure]).toEqual([2, null])
})

test('a project that is not there says so', async () => {
  const store = useProject()
  await expect(store.open(9)).rejects.toThrow('absent')
  expect(store.failure).toEqual({ kind: 'absent' })
})

test('an upload is ingested again by who sent it and by who manages the project', () => {
  const held = (...roles: string[]): Project => ({ id: 1, name: '', images: 0, annotations: 0, roles, pixelAccess: 'full', ontology: 1 })
  expect(mayResume(held('manager'), 3, 7)).toBe(true)
  expect(mayResume(held('uploader'), 7, 7)).toBe(true)
  expect(mayResume(held('uploader', 'controller'), 3, 7)).toBe(false)
  expect(mayResume(held('controller'), 7, 7)).toBe(false)
})
