import { ByteCache } from '@/core/cache'
import { byteLength, sampleOf, storedFrom } from '@/core/plane'
import type { Plane } from '@/core/plane'
import { imagePlane, segmentationPlane } from '@/api/routes'
import { extent, isColour } from '@/domain/image'
import type { Axis, Image, Place } from '@/domain/image'
import { cutPreview, readPreview } from '@/sources/preview'
import type { Preview } from '@/sources/preview'

/** Where the pixels of one image come from. */
export interface PixelSource {
  /** A coarse plane that is here already, if any. */
  preview(wish: Place): Plane | null
  /** The exact plane that is here already, if any. */
  held(wish: Place): Plane | null
  /** The exact plane. */
  plane(wish: Place, signal: AbortSignal): Promise<Plane>
  /** Get ready to show coarse planes of a time point; resolves when they are here or cannot be. */
  prepare(t: number, c: number, signal: AbortSignal): Promise<void>
  /** Stored values from all over a time point where it is prepared, else null; for percentiles. */
  sample(t: number, c: number): Float64Array | null
}

const BUDGET = 192 * 1024 * 1024

/** Names one plane of an image. */
export function keyOf({ axis, index, t, c }: Place): string {
  return `${axis}/${index}/${t}/${c}`
}

/** Exact planes from the plane route, coarse ones from the smallest level through Range reads. */
export class ZarrSource implements PixelSource {
  private readonly planes = new ByteCache<Plane>(BUDGET, byteLength)
  private readonly previews = new Map<string, Preview>()

  constructor(private readonly image: Image) {}

  preview(wish: Place): Plane | null {
    const preview = this.previews.get(`${wish.t}/${wish.c}`)
    return preview === undefined ? null : cutPreview(preview, wish.axis, wish.index)
  }

  held(wish: Place): Plane | null {
    const held = this.planes.get(keyOf(wish))
    if (held !== undefined) return held
    const preview = this.preview(wish)
    return preview !== null && preview.exact ? preview : null
  }

  sample(t: number, c: number): Float64Array | null {
    const volume = this.previews.get(`${t}/${c}`)?.channels[0]
    return volume === undefined ? null : sampleOf(volume)
  }

  async plane(wish: Place, signal: AbortSignal): Promise<Plane> {
    const held = this.held(wish)
    if (held !== null) return held
    const channels = this.channels(wish.c)
    const parts = await Promise.all(
      channels.map((c) => imagePlane(this.image.id, this.image.dtype, { ...wish, c }, signal)),
    )
    const { rows = 0, columns = 0 } = parts[0] ?? {}
    const plane: Plane = {
      axis: wish.axis,
      index: wish.index,
      rows,
      columns,
      rowStep: 1,
      columnStep: 1,
      exact: true,
      channels: parts.map(({ bytes, dtype }) => storedFrom(bytes, dtype)),
    }
    this.planes.set(keyOf(wish), plane)
    return plane
  }

  async prepare(t: number, c: number, signal: AbortSignal): Promise<void> {
    const key = `${t}/${c}`
    if (this.previews.has(key)) return
    const preview = await readPreview(this.image, t, this.channels(c), signal)
    if (preview === null) return
    // One time point at a time: a cine would fill the memory with previews otherwise.
    if (this.previews.size >= 4) this.previews.clear()
    this.previews.set(key, preview)
  }

  private channels(c: number): readonly number[] {
    return isColour(this.image) ? [0, 1, 2].slice(0, extent(this.image, 'c')) : [c]
  }
}

/** Planes of one segmentation, on the grid of its image. */
export class SegmentationSource {
  private readonly planes = new ByteCache<Plane>(BUDGET / 4, byteLength)

  constructor(private readonly id: number) {}

  held(axis: Axis, index: number): Plane | null {
    return this.planes.get(`${axis}/${index}`) ?? null
  }

  async plane(axis: Axis, index: number, signal: AbortSignal): Promise<Plane> {
    const held = this.held(axis, index)
    if (held !== null) return held
    const { bytes, rows, columns, dtype } = await segmentationPlane(this.id, axis, index, signal)
    const channels = [storedFrom(bytes, dtype)]
    const plane: Plane = { axis, index, rows, columns, rowStep: 1, columnStep: 1, exact: true, channels }
    this.planes.set(`${axis}/${index}`, plane)
    return plane
  }
}
