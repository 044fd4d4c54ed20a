import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { parseImage } from '@/api/parse'
import { useHistory } from '@/app/history'
import { useDrawing } from '@/app/stores/drawing'
import { useViewer } from '@/app/stores/viewer'

const IMAGE = parseImage({
  id: 5, project: 1, imaging: { modality: 'CT', axes: 'zyx', shape: [10, 20, 30], dtype: 'int16', spacing_mm: [2, 1, 1], levels: [] },
})

beforeEach(() => {
  setActivePinia(createPinia())
  vi.stubGlobal('fetch', () => Promise.resolve(new Response(JSON.stringify({ collection: [] }))))
})
afterEach(() => vi.unstubAllGlobals())

async function open(): Promise<{ viewer: ReturnType<typeof useViewer>; drawing: ReturnType<typeof useDrawing> }> {
  const [viewer, drawing] = [useViewer(), useDrawing()]
  viewer.open(IMAGE, 'full')
  await drawing.open(IMAGE, new AbortController().signal)
  drawing.draw({ axis: 'x', index: 7, t: 0, c: 0, wkt: 'POINT (1 1)', terms: [] }, { layer: null, user: 1 })
  return { viewer, drawing }
}

test('while a drawing is under way undo and redo are about its corners only', async () => {
  const { viewer, drawing } = await open()
  const history = useHistory()
  viewer.sketch('z', { corners: 2, taken: 0 })
  expect([history.undoable.value, history.redoable.value]).toEqual(['corner', null])
  history.undo()
  history.redo()
  expect([viewer.asked.takeBack, viewer.asked.putBack, drawing.all.length]).toEqual([1, 1, 1])
  viewer.sketch('z', { corners: 1, taken: 1 })
  expect(history.redoable.value).toBe('corner')
  viewer.sketch('z', { corners: 0, taken: 0 })
  expect([history.undoable.value, history.redoable.value]).toEqual(['draw', null])
})

test('undo and redo go to the plane that they change', async () => {
  const { viewer, drawing } = await open()
  const history = useHistory()
  viewer.maximise('y')
  history.undo()
  expect(drawing.all).toEqual([])
  expect([viewer.order, viewer.position.x, viewer.active]).toEqual([['x'], 7, 'x'])
  viewer.moveTo('x', 2)
  history.redo()
  expect([drawing.all.length, viewer.position.x]).toEqual([1, 7])
})

test('a term of the whole image is a step among those of drawings', async () => {
  const sent: string[] = []
  vi.stubGlobal('fetch', (path: string, { method = 'GET' }: RequestInit) => {
    if (method !== 'GET' && path.includes('/term/')) sent.push(`${method} ${path}`)
    return Promise.resolve(new Response(JSON.stringify({ collection: [] })))
  })
  const { drawing } = await open()
  const history = useHistory()
  drawing.say(11, true)
  drawing.say(12, false)
  expect([drawing.all.length, history.undoable.value]).toEqual([1, 'take'])
  history.undo()
  expect(history.undoable.value).toBe('give')
  history.undo()
  expect([drawing.all.length, history.undoable.value, history.redoable.value]).toEqual([1, 'draw', 'give'])
  history.redo()
  const [give, take] = ['POST', 'DELETE']
  const expected = [[give, 11], [take, 12], [give, 12], [take, 11], [give, 11]].map(([method, term]) => `${method} /api/imageinstance/5/term/${term}.json`)
  await vi.waitFor(() => expect(sent).toEqual(expected))
})

test('a term that the server refuses is no step', async () => {
  vi.stubGlobal('fetch', (path: string, { method = 'GET' }: RequestInit) =>
    Promise.resolve(new Response(JSON.stringify({ collection: [] }), { status: method !== 'GET' && path.includes('/term/') ? 403 : 200 })))
  const { drawing } = await open()
  drawing.say(11, true)
  await vi.waitFor(() => expect(useHistory().undoable.value).toBe('draw'))
})

test('undo of what is on the screen moves nothing', async () => {
  const { viewer } = await open()
  viewer.moveTo('x', 7)
  viewer.active = 'y'
  useHistory().undo()
  expect([viewer.active, viewer.position.x]).toEqual(['y', 7])
})
