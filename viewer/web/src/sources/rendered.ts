import { renderedPlane } from '@/api/routes'
import { ByteCache } from '@/core/cache'
import { byteLength } from '@/core/plane'
import type { Plane } from '@/core/plane'
import { isColour } from '@/domain/image'
import type { Image, Place, Window } from '@/domain/image'
import { keyOf } from '@/sources/source'
import type { PixelSource } from '@/sources/source'

/** Shows 8-bit levels as they are. */
export const LEVELS: Window = { center: 128, width: 256 }

/** RGBA of a picture, row by row. */
export type Decode = (picture: Blob) => Promise<{ width: number; height: number; data: ArrayLike<number> }>

interface Rendered {
  readonly window: Window | null
  readonly plane: Plane
}

const BUDGET = 64 * 1024 * 1024

function isSame(one: Window | null, other: Window | null): boolean {
  return one?.center === other?.center && one?.width === other?.width
}

/** The image as its pictures are: 8 bits, already rescaled, inverted and padded by the server. */
export function asRendered(image: Image): Image {
  return { ...image, dtype: 'uint8', rescale: { slope: [1], intercept: [0] }, padding: null }
}

/** Planes of a project that sends pictures only: every window is the server's work. */
export class RenderedSource implements PixelSource {
  /** One picture per plane, with the window that it was made with. */
  private readonly planes = new ByteCache<Rendered>(BUDGET, ({ plane }) => byteLength(plane))

  constructor(
    private readonly image: Image,
    private readonly window: () => Window | null,
    private readonly decode: Decode = decodePicture,
  ) {}

  /** The same plane through the window before, until the new one is here. */
  preview(wish: Place): Plane | null {
    const rendered = this.planes.get(keyOf(wish))
    return rendered === undefined ? null : { ...rendered.plane, exact: false }
  }

  held(wish: Place): Plane | null {
    const rendered = this.planes.get(keyOf(wish))
    return rendered !== undefined && isSame(rendered.window, this.sent()) ? rendered.plane : null
  }

  async plane(wish: Place, signal: AbortSignal): Promise<Plane> {
    const held = this.held(wish)
    if (held !== null) return held
    const window = this.sent()
    const plane = await this.ask(wish, window, signal)
    this.planes.set(keyOf(wish), { window, plane })
    return plane
  }

  prepare(): Promise<void> {
    return Promise.resolve()
  }

  sample(): null {
    return null
  }

  /** Colours have no window on the server; the page applies its own. */
  private sent(): Window | null {
    return isColour(this.image) ? null : this.window()
  }

  private async ask(wish: Place, window: Window | null, signal: AbortSignal): Promise<Plane> {
    const { axis, index } = wish
    const picture = await renderedPlane(this.image.id, wish, window, signal)
    const { width, height, data } = await this.decode(picture)
    const channels = (isColour(this.image) ? [0, 1, 2] : [0]).map((part) =>
      Uint8Array.from({ length: width * height }, (_, place) => data[place * 4 + part] ?? 0),
    )
    return { axis, index, rows: height, columns: width, rowStep: 1, columnStep: 1, exact: true, channels }
  }
}

async function decodePicture(picture: Blob): Promise<ImageData> {
  const bitmap = await createImageBitmap(picture, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' })
  const canvas = document.createElement('canvas')
  canvas.width = bitmap.width
  canvas.height = bitmap.height
  const context = canvas.getContext('2d', { willReadFrequently: true })
  if (context === null) throw new Error('no canvas')
  context.drawImage(bitmap, 0, 0)
  bitmap.close()
  return context.getImageData(0, 0, canvas.width, canvas.height)
}
