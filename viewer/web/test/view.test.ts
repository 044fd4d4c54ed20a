import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, expect, test, vi } from 'vitest'
import { useNotices } from '@/app/stores/notices'
import { useSession } from '@/app/stores/session'
import { useViewer } from '@/app/stores/viewer'
import { parseImage } from '@/api/parse'

const IMAGE = parseImage({
  id: 5, project: 1, imaging: { modality: 'CT', axes: 'zyx', shape: [10, 20, 30], dtype: 'int16', spacing_mm: [2, 1, 1], levels: [] },
})

beforeEach(() => {
  vi.useFakeTimers()
  setActivePinia(createPinia())
})

test('a view is found again as it was', () => {
  const viewer = useViewer()
  viewer.open(IMAGE, 'full')
  viewer.moveToVoxel([3, 4, 5])
  viewer.setWindow({ center: 50, width: 350 })
  viewer.maximise('y')
  const kept = JSON.parse(JSON.stringify(viewer.view)) as typeof viewer.view
  viewer.close()
  viewer.open(IMAGE, 'full')
  expect(viewer.layout).toBe('main')
  viewer.recall(kept)
  expect(viewer.view).toEqual(kept)
  expect([viewer.main, viewer.layout, viewer.position.z, viewer.window?.center]).toEqual(['y', 'single', 3, 50])
})

test('a drawing under way keeps its tool, its plane and its pane, and the notice goes with it', () => {
  const viewer = useViewer()
  const notices = useNotices()
  viewer.open(IMAGE, 'full')
  viewer.useTool('polygon')
  viewer.sketch('z', { corners: 2, taken: 0 })
  const before = viewer.view
  viewer.useTool('line')
  viewer.moveTo('z', 9)
  viewer.useLayout('single')
  viewer.maximise('x')
  expect([viewer.tool, viewer.view]).toEqual(['polygon', before])
  viewer.moveTo('y', 7)
  expect(viewer.position.y).toBe(7)
  expect(notices.notices.map(({ text }) => text)).toEqual(['drawing.finishFirst'])
  viewer.sketch('z', { corners: 0, taken: 0 })
  expect(notices.notices).toEqual([])
  viewer.useTool('line')
  expect(viewer.tool).toBe('line')
})

test('a window is never narrower than a linear one may be, whatever drags it', () => {
  const viewer = useViewer()
  viewer.open(IMAGE, 'full')
  viewer.setWindow({ center: 5, width: 2 })
  viewer.dragWindow(-2000, 0)
  expect(viewer.window?.width).toBe(1)
})

test('a chosen term stays within its project', () => {
  const viewer = useViewer()
  viewer.open(IMAGE, 'full')
  viewer.term = 7
  viewer.close()
  viewer.open({ ...IMAGE, id: 6 }, 'full')
  expect(viewer.term).toBe(7)
  viewer.close()
  viewer.open({ ...IMAGE, id: 8, project: 2 }, 'full')
  expect(viewer.term).toBeNull()
})

test('a chosen term is found again in every tab, by its member and in its project only', () => {
  const kept = new Map<string, string>()
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
    removeItem: (key: string) => kept.delete(key),
  })
  const reload = (member = 1): ReturnType<typeof useViewer> => {
    setActivePinia(createPinia())
    useSession().user = { id: member, username: '', fullname: '' }
    return useViewer()
  }
  let viewer = reload()
  viewer.open(IMAGE, 'full')
  viewer.term = 7
  viewer = reload()
  viewer.open({ ...IMAGE, id: 8, project: 2 }, 'full')
  expect(viewer.term).toBeNull()
  viewer.open({ ...IMAGE, id: 6 }, 'full')
  expect(viewer.term).toBe(7)
  viewer = reload(2)
  viewer.open(IMAGE, 'full')
  expect(viewer.term).toBeNull()
  viewer = reload()
  viewer.open(IMAGE, 'full')
  expect(viewer.term).toBe(7)
  viewer.term = null
  viewer = reload()
  viewer.open(IMAGE, 'full')
  expect(viewer.term).toBeNull()
  vi.unstubAllGlobals()
})
