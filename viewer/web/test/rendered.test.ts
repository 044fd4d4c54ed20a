import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createPinia, setActivePinia } from 'pinia'
import { useViewer } from '@/app/stores/viewer'
import { parseImage } from '@/api/parse'
import { Painter } from '@/core/paint'
import type { Window } from '@/domain/image'
import { asRendered, LEVELS, RenderedSource } from '@/sources/rendered'

const CT = parseImage({
  id: 5,
  project: 1,
  imaging: {
    axes: 'zyx', shape: [4, 1, 2], dtype: 'int16', units: 'HU', spacing_mm: [1, 1, 1],
    rescale: { slope: [1], intercept: [-1024] }, padding: { low: 7, high: 7 }, levels: [],
  },
})
const at = (index: number) => ({ axis: 'z', index, t: 0, c: 0 }) as const
const { signal } = new AbortController()

let asked: string[] = []

beforeEach(() => {
  asked = []
  setActivePinia(createPinia())
  vi.stubGlobal('fetch', (path: string) => {
    asked.push(path)
    return Promise.resolve(new Response('picture'))
  })
})
afterEach(() => vi.unstubAllGlobals())

function sourceThrough(window: () => Window | null): RenderedSource {
  const decode = () => Promise.resolve({ width: 2, height: 1, data: [7, 7, 7, 255, 200, 200, 200, 255] })
  return new RenderedSource(CT, window, decode)
}

test('the server gets the window in real units, and a new one asks for the plane again', async () => {
  let window: Window | null = { center: -600, width: 1500 }
  const source = sourceThrough(() => window)
  await source.plane(at(2), signal)
  await source.plane(at(2), signal)
  expect(asked).toEqual(['/api/imageinstance/5/render/z/2.png?t=0&c=0&center=-600&width=1500'])
  window = { center: 40, width: 400 }
  expect(source.held(at(2))).toBeNull()
  expect(source.preview(at(2))?.exact).toBe(false)
  expect(source.preview(at(1))).toBeNull()
  await source.plane(at(2), signal)
  expect(asked.at(-1)).toBe('/api/imageinstance/5/render/z/2.png?t=0&c=0&center=40&width=400')
  window = null
  await source.plane(at(2), signal)
  expect(asked.at(-1)).toBe('/api/imageinstance/5/render/z/2.png?t=0&c=0')
})

test('levels of the picture are painted as they are', async () => {
  const plane = await sourceThrough(() => null).plane(at(0), signal)
  const { dtype, rescale, padding } = asRendered(CT)
  const pixels = new Uint32Array(2)
  new Painter(dtype, { ...rescale, padding }).paint(plane, { window: LEVELS, inverted: false }, pixels)
  expect([...pixels]).toEqual([0xff070707, 0xffc8c8c8])
})

test('a picture tells no value, and offers no window that is found from values', async () => {
  const viewer = useViewer()
  viewer.open(CT, 'rendered')
  viewer.showing('z', await sourceThrough(() => viewer.window).plane(at(1), signal))
  expect(viewer.readAt('z', [1, 0, 1])).toMatchObject({ voxel: [1, 0, 1], values: null })
  expect(asked).toEqual(['/api/imageinstance/5/render/z/1.png?t=0&c=0&center=40&width=400'])
  viewer.open({ ...CT, units: 'stored' }, 'rendered')
  expect(viewer.presets).toEqual([])
})

test('nothing is asked for where a project shows no pixels', () => {
  const viewer = useViewer()
  viewer.open(CT, 'none')
  expect(viewer.source).toBeNull()
})
