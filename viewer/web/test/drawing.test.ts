import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { useDrawing } from '@/app/stores/drawing'
import { useNotices } from '@/app/stores/notices'
import { useSession } from '@/app/stores/session'
import type { Image } from '@/domain/image'

const IMAGE = { id: 5, project: 1 } as Image
const ROW = { id: 7, version: 2, axis: 'z', index: 3, t: 0, c: 0, location: 'POINT (1 1)', term: [11], layer: 4, user: 2 }

interface Asked {
  readonly method: string
  readonly url: URL
  readonly body: Record<string, unknown>
}

let asked: Asked[] = []
/** The version that the server has of the drawing. */
let current = 2
/** What the server makes of a location. */
let mend = (wkt: unknown): unknown => wkt

function reply(body: unknown, status = 200): Response {
  return new Response(JSON.stringify(body), { status })
}

/** A server on which a colleague gave the drawing a second term, which leaves its version as it is. */
function answer(path: string, sent: RequestInit): Response {
  const method = sent.method ?? 'GET'
  const url = new URL(path, 'http://page.invalid')
  if (method === 'GET') return reply(url.pathname === '/api/annotation.json' ? { collection: [ROW] } : { ...ROW, version: current })
  const body = typeof sent.body === 'string' ? (JSON.parse(sent.body) as Record<string, unknown>) : {}
  asked.push({ method, url, body })
  if (method === 'POST') return reply({ annotation: { ...ROW, ...body, id: 8, version: 0, location: mend(body.location) } })
  const version = body.version ?? url.searchParams.get('version')
  if (Number(version) !== current) return reply({ errors: 'a newer version was saved', revision: current }, 409)
  current += 1
  return reply({ annotation: { ...ROW, ...body, location: mend(body.location ?? ROW.location), version: current, term: body.term ?? [11, 12] } })
}

beforeEach(() => {
  asked = []
  current = 2
  mend = (wkt) => wkt
  setActivePinia(createPinia())
  vi.stubGlobal('fetch', (path: string, sent: RequestInit) => Promise.resolve(answer(path, sent)))
})
afterEach(() => vi.unstubAllGlobals())

async function openDrawing(): Promise<ReturnType<typeof useDrawing>> {
  const drawing = useDrawing()
  await drawing.open(IMAGE, new AbortController().signal)
  return drawing
}

test('redrawing, undone or not, says nothing of the terms', async () => {
  const drawing = await openDrawing()
  drawing.edit('saved-7', { wkt: 'POINT (2 2)' })
  await drawing.retry()
  drawing.edit('saved-7', { wkt: 'POINT (3 3)' })
  await drawing.retry()
  drawing.undo()
  await drawing.retry()
  expect(asked.map(({ method, body }) => [method, body.location, body.version])).toEqual([
    ['PUT', 'POINT (2 2)', 2],
    ['PUT', 'POINT (3 3)', 3],
    ['PUT', 'POINT (2 2)', 4],
  ])
  expect(asked.some(({ body }) => 'term' in body)).toBe(false)
})

test('a change of terms, and taking it back, is sent', async () => {
  const drawing = await openDrawing()
  drawing.edit('saved-7', { terms: [13] })
  await drawing.retry()
  drawing.undo()
  await drawing.retry()
  expect(asked.map(({ body }) => body.term)).toEqual([[13], [11]])
})

test('deleting what somebody redrew meanwhile asks first, and goes on when told so', async () => {
  const drawing = await openDrawing()
  current = 5
  drawing.remove('saved-7')
  await drawing.retry()
  expect(drawing.saveState).toEqual({ kind: 'conflict', key: 'saved-7', revision: 5 })
  await drawing.settle('mine')
  expect(asked.map(({ method, url }) => [method, url.searchParams.get('version')])).toEqual([
    ['DELETE', '2'],
    ['DELETE', '5'],
  ])
  expect(drawing.saveState).toEqual({ kind: 'saved' })
  expect(drawing.all).toEqual([])
})

test('a drawing that was deleted here comes back as somebody else left it', async () => {
  const drawing = await openDrawing()
  current = 5
  drawing.remove('saved-7')
  await drawing.retry()
  await drawing.settle('theirs')
  expect(drawing.all.map(({ key, version }) => [key, version])).toEqual([['saved-7', 5]])
  expect(drawing.saveState).toEqual({ kind: 'saved' })
  expect(drawing.undoable).toBeNull()
})

test('a drawing of somebody else is deleted after a question, and no undo makes it one of one\'s own', async () => {
  const drawing = await openDrawing()
  drawing.edit('saved-7', { terms: [13] })
  await drawing.retry()
  drawing.selected = 'saved-7'
  drawing.removeSelected()
  expect([drawing.all.length, drawing.asked?.key]).toEqual([1, 'saved-7'])
  drawing.keep()
  expect([drawing.all.length, drawing.asked]).toEqual([1, null])
  drawing.removeSelected()
  drawing.removeForGood()
  await drawing.retry()
  expect([drawing.all, drawing.asked, drawing.undoable, drawing.selected]).toEqual([[], null, null, null])
  expect(asked.map(({ method }) => method)).toEqual(['PUT', 'DELETE'])
})

test('one\'s own drawing is deleted at once and comes back', async () => {
  const drawing = await openDrawing()
  useSession().user = { id: 2, username: 'me', fullname: 'me' }
  drawing.selected = 'saved-7'
  drawing.removeSelected()
  expect([drawing.all, drawing.asked]).toEqual([[], null])
  drawing.undo()
  expect(drawing.all.length).toBe(1)
})

const BOW = 'POLYGON ((0 0, 4 4, 4 0, 0 4, 0 0))'
const HALVES = 'MULTIPOLYGON (((0 0, 2 2, 0 4, 0 0)), ((4 4, 2 2, 4 0, 4 4)))'
const PLACE = { axis: 'z', index: 3, t: 0, c: 0, terms: [] } as const

test('a shape that the server mends is shown as it is stored, and its parts are told', async () => {
  const drawing = await openDrawing()
  mend = (wkt) => (wkt === BOW ? HALVES : wkt)
  drawing.draw({ ...PLACE, wkt: BOW }, { layer: null, user: 2 })
  drawing.edit('saved-7', { wkt: BOW })
  await drawing.retry()
  expect(drawing.all.map(({ wkt }) => wkt)).toEqual([HALVES, HALVES])
  expect(useNotices().notices.map(({ text, n }) => [text, n])).toEqual([['drawing.split', 2], ['drawing.split', 2]])
})

test('what was changed again before the answer came stays as it is here', async () => {
  const drawing = await openDrawing()
  mend = (wkt) => (wkt === BOW ? HALVES : wkt)
  drawing.edit('saved-7', { wkt: BOW })
  drawing.edit('saved-7', { wkt: 'POINT (9 9)' })
  await drawing.retry()
  expect(drawing.all.map(({ wkt }) => wkt)).toEqual(['POINT (9 9)'])
  expect(asked.at(-1)?.body.location).toBe('POINT (9 9)')
})

test('a new drawing lies in the layer that the server put it in', async () => {
  const drawing = await openDrawing()
  drawing.draw({ ...PLACE, wkt: 'POINT (2 2)' }, { layer: null, user: 2 })
  await drawing.retry()
  expect(drawing.all.map(({ layer }) => layer)).toEqual([4, 4])
})
