import { storedFrom } from '@/core/plane'
import type { Plane, Stored } from '@/core/plane'
import { extent } from '@/domain/image'
import type { Axis, Image } from '@/domain/image'
import { openLevel } from '@/sources/chunks'
import type { VolumeArray } from '@/sources/chunks'

/** A whole coarse level in memory: any plane of it at once. */
export interface Preview {
  readonly shape: readonly [number, number, number]
  /** Full-resolution voxels per preview voxel along (z, y, x). */
  readonly steps: readonly [number, number, number]
  readonly channels: readonly Stored[]
}

const LARGEST = 24 * 1024 * 1024
const AT_ONCE = 6

const SIZES: Readonly<Record<string, number>> = { int8: 1, uint8: 1, bool: 1, int16: 2, uint16: 2 }

/** The coarsest level, with (z, y, x) steps from level 0; null where there is none or it is too large to preview. */
export function previewLevel(image: Image): { level: number; steps: [number, number, number] } | null {
  const level = image.levels.length - 1
  const [finest, coarsest] = [image.levels[0], image.levels[level]]
  if (finest === undefined || coarsest === undefined) return null
  const shape = coarsest.shape.slice(-3)
  const bytes = shape.reduce((product, length) => product * length, SIZES[image.dtype] ?? 4)
  if (bytes > LARGEST) return null
  const steps = [0, 1, 2].map((place) => {
    const at = coarsest.scale.length - 3 + place
    const ratio = (coarsest.scale[at] ?? 1) / (finest.scale[at] ?? 1)
    return Math.max(Math.round(ratio), 1)
  })
  return { level, steps: [steps[0] ?? 1, steps[1] ?? 1, steps[2] ?? 1] }
}

/** Read the coarsest level of one time point through Range requests; null where there is none to preview. */
export async function readPreview(image: Image, t: number, c: readonly number[], signal: AbortSignal): Promise<Preview | null> {
  const chosen = previewLevel(image)
  if (chosen === null) return null
  const array = await openLevel(image.id, chosen.level, signal)
  const [z = 1, y = 1, x = 1] = array.shape.slice(-3)
  const channels: Stored[] = []
  for (const channel of c) channels.push(await readVolume(image, array, t, channel, signal))
  return { shape: [z, y, x], steps: chosen.steps, channels }
}

async function readVolume(
  image: Image, array: VolumeArray, t: number, c: number, signal: AbortSignal,
): Promise<Stored> {
  const [depth = 1, rows = 1, columns = 1] = array.shape.slice(-3)
  const [cz = 1, cy = 1, cx = 1] = array.chunks.slice(-3)
  const volume = storedFrom(new ArrayBuffer(depth * rows * columns * (SIZES[image.dtype] ?? 4)), image.dtype)
  const front = [...image.axes.slice(0, -3)].map((axis) => (axis === 't' ? t : Math.min(c, extent(image, 'c') - 1)))
  const places: [number, number, number][] = []
  for (let k = 0; k * cz < depth; k += 1)
    for (let j = 0; j * cy < rows; j += 1)
      for (let i = 0; i * cx < columns; i += 1) places.push([k, j, i])

  const readOne = async ([k, j, i]: [number, number, number]): Promise<void> => {
    const { data } = await array.getChunk([...front, k, j, i], { signal })
    const chunk = data as Stored
    const width = Math.min(cx, columns - i * cx)
    for (let z = 0; z < Math.min(cz, depth - k * cz); z += 1)
      for (let y = 0; y < Math.min(cy, rows - j * cy); y += 1) {
        const from = (z * cy + y) * cx
        volume.set(chunk.subarray(from, from + width) as never, ((k * cz + z) * rows + j * cy + y) * columns + i * cx)
      }
  }
  const lane = async (): Promise<void> => {
    for (let next = places.shift(); next !== undefined; next = places.shift()) await readOne(next)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
  return volume
}

/** The preview plane nearest to a full-resolution index. */
export function cutPreview(preview: Preview, axis: Axis, index: number): Plane {
  const [depth, rows, columns] = preview.shape
  const [sz, sy, sx] = preview.steps
  const at = (step: number, length: number): number => Math.min(Math.floor(index / step), length - 1)
  const cut = (height: number, width: number, place: (r: number, c: number) => number): Stored[] =>
    preview.channels.map((volume) => {
      const plane = new (volume.constructor as new (length: number) => Stored)(height * width)
      for (let r = 0; r < height; r += 1)
        for (let c = 0; c < width; c += 1) plane[r * width + c] = volume[place(r, c)] as number
      return plane
    })
  // An image of one level only is here as it is.
  const common = { axis, index, exact: preview.steps.every((step) => step === 1) }
  switch (axis) {
    case 'z': {
      const k = at(sz, depth)
      const channels = preview.channels.map((volume) => volume.subarray(k * rows * columns, (k + 1) * rows * columns))
      return { ...common, rows, columns, rowStep: sy, columnStep: sx, channels }
    }
    case 'y': {
      const j = at(sy, rows)
      const channels = cut(depth, columns, (r, c) => (r * rows + j) * columns + c)
      return { ...common, rows: depth, columns, rowStep: sz, columnStep: sx, channels }
    }
    case 'x': {
      const i = at(sx, columns)
      const channels = cut(depth, rows, (r, c) => (r * rows + c) * columns + i)
      return { ...common, rows: depth, columns: rows, rowStep: sz, columnStep: sy, channels }
    }
  }
}
