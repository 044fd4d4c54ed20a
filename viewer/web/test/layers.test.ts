import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { useLayers } from '@/app/stores/layers'
import type { Image } from '@/domain/image'

beforeEach(() => {
  setActivePinia(createPinia())
  const layers = [{ id: 4, kind: 'member' }, { id: 5, kind: 'source' }, { id: 6, kind: 'model' }]
  vi.stubGlobal('fetch', (path: string) =>
    Promise.resolve(new Response(JSON.stringify({ collection: path.includes('layer') ? layers : [] }))),
  )
})
afterEach(() => vi.unstubAllGlobals())

test('only what a model made looks like a model made it', async () => {
  const layers = useLayers()
  await layers.open({ id: 1 } as Image, 'full', new AbortController().signal)
  expect([4, 5, 6, null].map((layer) => layers.handOf(layer))).toEqual(['member', 'member', 'model', 'member'])
})

test('a layer that is asked for while all are hidden is shown with the others', () => {
  const layers = useLayers()
  layers.toggleLayer(4)
  layers.hidden = true
  expect(layers.showingOf(5).visible).toBe(false)
  layers.toggleLayer(4)
  expect([layers.hidden, layers.showingOf(4).visible, layers.showingOf(5).visible]).toEqual([false, true, true])
  layers.toggleSegmentation(9)
  layers.hidden = true
  layers.toggleSegmentation(9)
  expect([layers.hidden, layers.segmentationShowingOf(9).visible]).toEqual([false, true])
})
