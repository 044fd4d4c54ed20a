import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { useDrawing } from '@/app/stores/drawing'
import type { Image } from '@/domain/image'

const IMAGE = { id: 5, project: 1 } as Image
const ROW = { id: 7, version: 2, axis: 'z', index: 3, t: 0, c: 0, location: 'POINT (1 1)', term: [11], layer: 4, user: 2 }

interface Asked {
  readonly method: string
  readonly url: URL
  readonly body: Record<string, unknown>
}

let asked: Asked[] = []

function reply(body: unknown, status = 200): Response {
  return new Response(JSON.stringify(body), { status })
}

/** A server on which a colleague gave the drawing a second term, which leaves its version as it is. */
function answer(path: string, sent: RequestInit): Response {
  const method = sent.method ?? 'GET'
  const url = new URL(path, 'http://page.invalid')
  if (method === 'GET') return reply({ collection: [ROW] })
  const body = typeof sent.body === 'string' ? (JSON.parse(sent.body) as Record<string, unknown>) : {}
  asked.push({ method, url, body })
  return reply({ annotation: { ...ROW, ...body, version: 2 + asked.length, term: body.term ?? [11, 12] } })
}

beforeEach(() => {
  asked = []
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
