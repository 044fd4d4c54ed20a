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

test('undo of what is on the screen moves nothing', async () => {
  const { viewer } = await open()
  viewer.moveTo('x', 7)
  viewer.active = 'y'
  useHistory().undo()
  expect([viewer.active, viewer.position.x]).toEqual(['y', 7])
})
