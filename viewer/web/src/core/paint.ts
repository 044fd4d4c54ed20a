import type { Plane, Stored } from '@/core/plane'
import { buildLut, greyOf, pixelOf } from '@/core/lut'
import type { Look, Lut, Meaning } from '@/core/lut'

/** How stored values of a whole image become real ones: one pair, or one per z plane. */
export interface Rescaling {
  readonly slope: readonly number[]
  readonly intercept: readonly number[]
  readonly padding: { readonly low: number; readonly high: number } | null
}

export function meaningAt(rescaling: Rescaling, z: number): Meaning {
  const at = (values: readonly number[], otherwise: number): number =>
    (values.length > 1 ? values[Math.min(Math.max(z, 0), values.length - 1)] : values[0]) ?? otherwise
  return { slope: at(rescaling.slope, 1), intercept: at(rescaling.intercept, 0), padding: rescaling.padding }
}

export function realValue(rescaling: Rescaling, z: number, stored: number): number {
  const { slope, intercept } = meaningAt(rescaling, z)
  return stored * slope + intercept
}

/** Paints planes into RGBA pixels through a table; keeps the table while nothing but the plane changes. */
export class Painter {
  private lut: Lut | null = null
  private lutFor = ''

  constructor(
    private readonly dtype: string,
    private readonly rescaling: Rescaling,
  ) {}

  /** Fill `pixels` (rows x columns of the plane, little-endian RGBA). */
  paint(plane: Plane, look: Look, pixels: Uint32Array): void {
    if (plane.channels.length >= 3) {
      this.paintColour(plane, look, pixels)
      return
    }
    const channel = plane.channels[0]
    if (channel === undefined) return
    if (plane.axis !== 'z' && this.perPlane()) {
      this.paintRows(plane, channel, look, pixels)
      return
    }
    const meaning = meaningAt(this.rescaling, plane.index)
    const lut = this.table(look, meaning)
    if (lut === null) paintDirect(channel, pixels, 0, channel.length, look, meaning)
    else paintTable(channel, pixels, lut)
  }

  private perPlane(): boolean {
    return this.rescaling.slope.length > 1 || this.rescaling.intercept.length > 1
  }

  private table(look: Look, meaning: Meaning): Lut | null {
    const key = `${look.window.center}/${look.window.width}/${look.inverted}/${meaning.slope}/${meaning.intercept}`
    if (this.lut === null || this.lutFor !== key) {
      this.lut = buildLut(this.dtype, look, meaning, this.lut ?? undefined)
      this.lutFor = key
    }
    return this.lut
  }

  private paintRows(plane: Plane, channel: Stored, look: Look, pixels: Uint32Array): void {
    for (let row = 0; row < plane.rows; row += 1) {
      const z = Math.floor((row + 0.5) * plane.rowStep)
      const from = row * plane.columns
      paintDirect(channel, pixels, from, from + plane.columns, look, meaningAt(this.rescaling, z))
    }
  }

  private paintColour(plane: Plane, look: Look, pixels: Uint32Array): void {
    const [red, green, blue] = plane.channels
    const lut = this.table(look, { slope: 1, intercept: 0, padding: null })
    if (red === undefined || green === undefined || blue === undefined || lut === null) return
    const grey = (value: number): number => (lut.pixels[value - lut.low] ?? 0) & 0xff
    for (let place = 0; place < red.length; place += 1) {
      pixels[place] =
        0xff000000 | (grey(blue[place] ?? 0) << 16) | (grey(green[place] ?? 0) << 8) | grey(red[place] ?? 0)
    }
  }
}

function paintTable(channel: Stored, pixels: Uint32Array, lut: Lut): void {
  const table = lut.pixels
  const low = lut.low
  for (let place = 0; place < channel.length; place += 1) {
    pixels[place] = table[(channel[place] as number) - low] as number
  }
}

function paintDirect(
  channel: Stored, pixels: Uint32Array, from: number, to: number, look: Look, meaning: Meaning,
): void {
  const flip = look.inverted ? 255 : 0
  for (let place = from; place < to; place += 1) {
    const stored = channel[place] as number
    const padded = meaning.padding !== null && stored >= meaning.padding.low && stored <= meaning.padding.high
    const grey = greyOf(stored * meaning.slope + meaning.intercept, look.window)
    pixels[place] = padded ? 0xff000000 : pixelOf(grey ^ flip)
  }
}
