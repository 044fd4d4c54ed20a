import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { useProject } from '@/app/stores/project'
import { parseProject } from '@/api/parse'
import { mayAnnotate, mayChangeOthers, mayResume } from '@/domain/project'
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
  const held = (...roles: string[]): Project => ({ id: 1, name: '', images: 0, annotations: 0, roles, pixelAccess: 'full', editing: 'restricted', ontology: 1 })
  expect(mayResume(held('manager'), 3, 7)).toBe(true)
  expect(mayResume(held('uploader'), 7, 7)).toBe(true)
  expect(mayResume(held('uploader', 'controller'), 3, 7)).toBe(false)
  expect(mayResume(held('controller'), 7, 7)).toBe(false)
})

test('annotators change their own drawings, everybody’s or none, as the project has it', () => {
  const held = (editing: Project['editing'], ...roles: string[]): Project =>
    ({ id: 1, name: '', images: 0, annotations: 0, roles, pixelAccess: 'full', editing, ontology: 1 })
  const may = (project: Project): boolean[] => [mayAnnotate(project), mayChangeOthers(project, 'member'), mayChangeOthers(project, 'source')]
  expect(may(held('restricted', 'annotator'))).toEqual([true, false, false])
  expect(may(held('classic', 'annotator'))).toEqual([true, true, false])
  expect(may(held('classic', 'reader'))).toEqual([false, false, false])
  expect(may(held('read_only', 'annotator'))).toEqual([false, false, false])
  expect(may(held('read_only', 'reviewer', 'data_scientist'))).toEqual([false, false, false])
  expect(may(held('read_only', 'manager'))).toEqual([true, true, true])
  expect(parseProject({ id: 1, isReadOnly: true, isRestricted: true }).editing).toBe('read_only')
  expect(parseProject({ id: 1, isReadOnly: false, isRestricted: false }).editing).toBe('classic')
  expect(parseProject({ id: 1 }).editing).toBe('restricted')
})
