import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { parseReview } from '@/api/parse'
import { useDrawing } from '@/app/stores/drawing'
import { useLayers } from '@/app/stores/layers'
import { useNotices } from '@/app/stores/notices'
import { useProject } from '@/app/stores/project'
import { useReview } from '@/app/stores/review'
import { useReviewing } from '@/app/stores/reviewing'
import { useSession } from '@/app/stores/session'
import type { Annotation } from '@/domain/annotation'
import type { Image } from '@/domain/image'
import type { Project } from '@/domain/project'
import { NO_REVIEW, byPlane, isCorrected, nextWaiting, standingsOf } from '@/domain/review'

function annotation(id: number, fields: Partial<Annotation> = {}): Annotation {
  return {
    key: `saved-${id}`, id, version: 0, axis: 'z', index: 0, t: 0, c: 0, wkt: 'POINT (1 1)', terms: [], layer: 4, user: 2,
    parent: null, reviewed: false, ...fields,
  }
}

test('what has a copy is accepted, what came in as reviewed does not wait, all else does', () => {
  const all = [annotation(1), annotation(2, { reviewed: true }), annotation(3), annotation(9, { parent: 1, reviewed: true }), annotation(5, { id: null })]
  expect([...standingsOf(all).values()]).toEqual(['accepted', 'reviewed', 'waiting', 'copy', 'waiting'])
})

test('a copy is listed after what it was made of, on its plane', () => {
  const all = [annotation(9, { parent: 1 }), annotation(3, { index: 1 }), annotation(2), annotation(1), annotation(4, { axis: 'y' })]
  expect([...all].sort(byPlane).map(({ id }) => id)).toEqual([1, 9, 2, 3, 4])
})

test('the next one that waits is the first from the plane on, after the selected one, and the first again at the end', () => {
  const waiting = [annotation(3, { index: 7 }), annotation(1, { index: 2 }), annotation(2, { index: 2 })]
  const here = { axis: 'z', index: 2, t: 0, c: 0 } as const
  expect(nextWaiting(waiting, here, null)?.id).toBe(1)
  expect(nextWaiting(waiting, here, waiting[1] ?? null)?.id).toBe(2)
  expect(nextWaiting(waiting, { ...here, index: 3 }, null)?.id).toBe(3)
  expect(nextWaiting(waiting, here, waiting[0] ?? null)?.id).toBe(1)
  expect(nextWaiting([], here, null)).toBeNull()
})

test('a copy is corrected where it was changed and is not as its original, or nothing is left to compare it with', () => {
  const copy = (fields: Partial<Annotation>): Annotation => annotation(9, { parent: 1, ...fields })
  expect(isCorrected(copy({ wkt: 'POINT (2 2)' }), annotation(1))).toBe(false)
  expect(isCorrected(copy({ version: 1 }), annotation(1))).toBe(false)
  expect(isCorrected(copy({ version: 1, wkt: 'POINT (2 2)' }), annotation(1))).toBe(true)
  expect(isCorrected(copy({ version: 1, terms: [3] }), annotation(1))).toBe(true)
  expect(isCorrected(copy({ version: 1 }), undefined)).toBe(true)
})

test('the server tells how far a review is', () => {
  expect(parseReview({ inReview: false, reviewed: false, reviewUser: null })).toEqual(NO_REVIEW)
  expect(parseReview({ inReview: true, reviewed: false, reviewUser: 2 })).toEqual({ phase: 'open', reviewer: 2, validated: null })
  expect(parseReview({ inReview: false, reviewed: true, reviewUser: 2, reviewStop: '1500' })).toEqual({ phase: 'validated', reviewer: 2, validated: 1500 })
})

/* ---- a reviewer at a server that holds two drawings of one member ---- */

const ME = { id: 1, username: 'rosa', fullname: 'Rosa' }
const IMAGE = { id: 5, project: 1, review: { phase: 'open', reviewer: 1, validated: null } } as Image
const PLACE = { axis: 'z', index: 3, t: 0, c: 0, location: 'POINT (1 1)', term: [11], version: 0 }

let copies: Record<string, unknown>[] = []
let removed: Record<string, unknown>[] = []
let shown: Record<string, unknown> = {}
let asked: string[] = []
/** Why the server refuses a change; empty where it does not. */
let refusal = ''

function reply(body: unknown, status = 200): Response {
  return new Response(JSON.stringify(body), { status })
}

function accept(parent: number): Record<string, unknown> {
  const copy = { ...PLACE, id: parent + 100, layer: 9, user: 2, parentIdent: parent, reviewed: true, reviewUser: 1 }
  copies.push(copy)
  return copy
}

function answer(path: string, sent: RequestInit): Response {
  const { pathname, searchParams } = new URL(path, 'http://page.invalid')
  const method = sent.method ?? 'GET'
  if (method !== 'GET') {
    asked.push(`${method} ${path}`)
    if (refusal !== '') return reply({ errors: refusal }, 409)
  }
  const id = Number(/annotation\/(\d+)\//.exec(pathname)?.[1])
  if (pathname === '/api/annotation.json') {
    const originals = [7, 8].map((one) => ({ ...PLACE, id: one, layer: 4, user: 2, parentIdent: null, reviewed: copies.some(({ parentIdent }) => parentIdent === one) }))
    return reply({ collection: searchParams.get('reviewed') === 'True' ? copies : [...originals, ...copies] })
  }
  if (pathname.endsWith('layer.json')) return reply({ collection: [{ id: 4, kind: 'member', user: 2, name: 'ada' }, { id: 9, kind: 'review', name: 'review' }] })
  if (pathname === '/api/imageinstance/5/annotation/review.json') {
    const made = method === 'POST' ? [7, 8].filter((one) => copies.every(({ parentIdent }) => parentIdent !== one)).map(accept) : copies.splice(0)
    return reply({ collection: made })
  }
  if (pathname.endsWith('/review.json') && id > 0) {
    if (method === 'POST') return reply({ reviewedannotation: accept(id) })
    const [gone] = copies.splice(copies.findIndex((copy) => copy.id === id), 1)
    if (gone !== undefined) removed.push(gone)
    return reply({ reviewedannotation: gone, command: 1000 + removed.length - 1 })
  }
  const command = /command\/(\d+)\/undo/.exec(pathname)?.[1]
  if (command !== undefined) {
    copies.push(removed[Number(command) - 1000] ?? {})
    return reply({ collection: [] })
  }
  const held = copies.find((copy) => pathname === `/api/annotation/${String(copy.id)}.json`)
  if (held !== undefined && method === 'PUT') return reply({ annotation: Object.assign(held, JSON.parse(String(sent.body)), { version: Number(held.version) + 1 }) })
  if (held !== undefined) return reply(held)
  if (method === 'PUT') return reply({ annotation: { ...copies[0], ...(JSON.parse(String(sent.body)) as object), version: 1 } })
  if (pathname === '/api/imageinstance/5/review.json') return reply({ imageinstance: { inReview: false, reviewed: true, reviewUser: 1, reviewStop: '1500' } })
  if (pathname === '/api/imageinstance/5.json') return reply(shown)
  return reply({ collection: [{ id: 6, username: 'max', fullname: 'Max' }] })
}

beforeEach(() => {
  copies = []
  removed = []
  asked = []
  refusal = ''
  setActivePinia(createPinia())
  vi.stubGlobal('fetch', (path: string, sent: RequestInit = {}) => Promise.resolve(answer(path, sent)))
})
afterEach(() => vi.unstubAllGlobals())

async function openReview(roles = ['reviewer']): Promise<ReturnType<typeof useReviewing>> {
  useSession().user = ME
  useProject().project = { id: 1, roles } as unknown as Project
  await useDrawing().open(IMAGE, new AbortController().signal)
  await useReview().open(IMAGE)
  return useReviewing()
}

const keys = (): string[] => useDrawing().all.map(({ key }) => key).sort()
const find = (key: string): Annotation => useDrawing().drawings.get(key) as Annotation
const texts = (): (string | null)[] => useNotices().notices.map(({ text }) => text)

test('what is accepted is shown as a copy, which is selected, lies over its original and may be corrected', async () => {
  const reviewing = await openReview()
  const drawing = useDrawing()
  drawing.selected = 'saved-7'
  await reviewing.accept(find('saved-7'))
  expect([keys(), drawing.selected]).toEqual([['saved-107', 'saved-7', 'saved-8'], 'saved-107'])
  expect([reviewing.isCovered(find('saved-7')), reviewing.isCovered(find('saved-8'))]).toEqual([true, false])
  expect(useLayers().othersOf(find('saved-107'))?.kind).toBe('review')
  expect(drawing.mayChange(find('saved-107'))).toBe(true)
  expect([reviewing.waiting.length, reviewing.accepted.length]).toEqual([1, 1])
})

test('a copy that was corrected is rejected after a question', async () => {
  const reviewing = await openReview()
  const drawing = useDrawing()
  await reviewing.accept(find('saved-7'))
  drawing.edit('saved-107', { wkt: 'POINT (2 2)' })
  await drawing.retry()
  drawing.selected = 'saved-107'
  reviewing.reject(find('saved-7'))
  expect(reviewing.question).toMatchObject({ kind: 'reject' })
  await reviewing.confirm()
  expect([keys(), drawing.selected, drawing.undoable?.name]).toEqual([['saved-7', 'saved-8'], 'saved-7', 'reject'])
  expect(reviewing.standingOf(find('saved-7'))).toBe('waiting')
})

test('accepting and rejecting are steps of the history, with the correction between them', async () => {
  const reviewing = await openReview()
  const drawing = useDrawing()
  await reviewing.accept(find('saved-7'))
  drawing.edit('saved-107', { wkt: 'POINT (2 2)' })
  await drawing.retry()
  reviewing.reject(find('saved-107'))
  await reviewing.confirm()
  drawing.undo()
  await vi.waitFor(() => expect(find('saved-107')?.wkt).toBe('POINT (2 2)'))
  await vi.waitFor(() => expect(drawing.undoable?.name).toBe('modify'))
  drawing.undo()
  await drawing.retry()
  expect([find('saved-107').wkt, copies[0]?.location]).toEqual(['POINT (1 1)', 'POINT (1 1)'])
  drawing.undo()
  await vi.waitFor(() => expect(keys()).toEqual(['saved-7', 'saved-8']))
  expect([copies, drawing.undoable]).toEqual([[], null])
  await vi.waitFor(() => expect(drawing.redoable?.name).toBe('accept'))
  drawing.redo()
  await vi.waitFor(() => expect(keys()).toContain('saved-107'))
  expect(asked.filter((line) => line.startsWith('POST /api/annotation'))).toEqual(['POST /api/annotation/7/review.json'])
})

test('a layer is accepted and, after a question, rejected as a whole', async () => {
  const reviewing = await openReview()
  const layer = { id: 4, name: 'ada', kind: 'member', user: 2 } as const
  await reviewing.acceptLayer(layer)
  expect(reviewing.progressOf(4)).toMatchObject({ waiting: 0, copies: [{ id: 107 }, { id: 108 }] })
  reviewing.rejectLayer(layer)
  expect(reviewing.question).toMatchObject({ kind: 'rejectLayer', n: 2, corrected: 0 })
  await reviewing.confirm()
  expect(reviewing.progressOf(4)).toMatchObject({ waiting: 2, copies: [] })
})

test('validating asks while something waits; afterwards copies are changed no more, and why is said', async () => {
  const reviewing = await openReview()
  await reviewing.accept(find('saved-7'))
  reviewing.validate()
  expect(reviewing.question).toEqual({ kind: 'validate', n: 1 })
  await reviewing.confirm()
  expect(useReview().phase).toBe('validated')
  expect(useDrawing().mayChangeOrSay(find('saved-107'))).toBe(false)
  expect(texts()).toEqual(['whose.validated'])
})

test('another member who reviews by now is named, and what they accepted is shown', async () => {
  const reviewing = await openReview()
  shown = { inReview: true, reviewed: false, reviewUser: 6 }
  refusal = 'image: another member reviews it'
  accept(8)
  await reviewing.accept(find('saved-7'))
  expect(useNotices().notices.map(({ text, name }) => [text, name])).toEqual([['reviewing.told.others', 'Max']])
  expect([useReview().mine, keys()]).toEqual([false, ['saved-108', 'saved-7', 'saved-8']])
})

test('a correction that comes after the end of the review is taken back and told, and asks nothing', async () => {
  const reviewing = await openReview()
  await reviewing.accept(find('saved-7'))
  shown = { inReview: false, reviewed: true, reviewUser: 1 }
  refusal = 'image: its review is validated; take that back first'
  useDrawing().edit('saved-107', { wkt: 'POINT (2 2)' })
  await vi.waitFor(() => expect(texts()).toEqual(['reviewing.told.validated']))
  expect(useDrawing().saveState.kind).toBe('saved')
})

test('who may not review changes no copies and judges nothing, whoever drew the original', async () => {
  copies = []
  accept(7)
  const reviewing = await openReview(['annotator'])
  useSession().user = { id: 2, username: 'ada', fullname: 'Ada' }
  expect(useDrawing().mayChange(find('saved-107'))).toBe(false)
  expect(useDrawing().mayChange(find('saved-7'))).toBe(true)
  expect([reviewing.mayAccept(find('saved-8')), reviewing.mayReject(find('saved-107'))]).toEqual([false, false])
  await reviewing.accept(find('saved-8'))
  expect(asked).toEqual([])
})
