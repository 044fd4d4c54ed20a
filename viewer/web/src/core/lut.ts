import type { Window } from '@/domain/image'

/** Grey levels per stored value, packed as opaque RGBA pixels; stored value v is at `v - low`. */
export interface Lut {
  readonly low: number
  readonly pixels: Uint32Array
}

export interface Look {
  readonly window: Window
  /** Low values bright (MONOCHROME1, or the reader's wish). */
  readonly inverted: boolean
}

export interface Meaning {
  readonly slope: number
  readonly intercept: number
  readonly padding: { readonly low: number; readonly high: number } | null
}

const OPAQUE = 0xff000000

/** A grey level 0-255 of a real value: the linear VOI function of PS3.3 C.11.2.1.2.1. */
export function greyOf(value: number, { center, width }: Window): number {
  if (width <= 1) return value > center - 0.5 ? 255 : 0
  const level = ((value - (center - 0.5)) / (width - 1) + 0.5) * 255
  return level <= 0 ? 0 : level >= 255 ? 255 : Math.round(level)
}

export function pixelOf(grey: number): number {
  return (OPAQUE | (grey << 16) | (grey << 8) | grey) >>> 0
}

const RANGES: Readonly<Record<string, readonly [number, number]>> = {
  int8: [-128, 256],
  uint8: [0, 256],
  bool: [0, 256],
  int16: [-32768, 65536],
  uint16: [0, 65536],
}

/** The look-up table of an 8 or 16-bit dtype, or null where a table would be too long. */
export function buildLut(dtype: string, look: Look, meaning: Meaning, reuse?: Lut): Lut | null {
  const range = RANGES[dtype]
  if (range === undefined) return null
  const [low, size] = range
  const pixels = reuse !== undefined && reuse.pixels.length === size ? reuse.pixels : new Uint32Array(size)
  const { center, width } = look.window
  const scale = (meaning.slope / (width - 1)) * 255
  const offset = ((meaning.intercept - (center - 0.5)) / (width - 1) + 0.5) * 255
  const flip = look.inverted ? 255 : 0
  // A window of width 1 is a step and has no slope.
  const shade = width <= 1
    ? (stored: number): number => greyOf(stored * meaning.slope + meaning.intercept, look.window)
    : (stored: number): number => {
        const level = stored * scale + offset
        return level <= 0 ? 0 : level >= 255 ? 255 : (level + 0.5) | 0
      }
  for (let place = 0; place < size; place += 1) {
    const grey = shade(place + low)
    pixels[place] = OPAQUE | ((grey ^ flip) * 0x010101)
  }
  if (meaning.padding !== null) {
    // Padding is no signal, so it is black in both polarities.
    const from = Math.max(meaning.padding.low - low, 0)
    pixels.fill(OPAQUE, from, Math.min(meaning.padding.high - low + 1, size))
  }
  return { low, pixels }
}

/** Values below which the given share (0-100) of a sample lies. */
export function percentiles(sample: ArrayLike<number>, shares: readonly number[]): number[] {
  const sorted = Float64Array.from(sample).sort()
  return shares.map((share) => {
    const place = (share / 100) * (sorted.length - 1)
    const low = sorted[Math.floor(place)] ?? 0
    const high = sorted[Math.ceil(place)] ?? low
    return low + (high - low) * (place - Math.floor(place))
  })
}

/** A window from low to high whose ends are black and white. */
export function windowBetween(low: number, high: number): Window {
  const width = Math.max(high - low, 1e-3) + 1
  return { center: (low + high) / 2 + 0.5, width }
}

/** A window from one share (0-100) of a sample to another; of a mask, where both are the same value, of all of it. */
export function windowOfShares(sample: ArrayLike<number>, [low, high]: readonly [number, number]): Window {
  const [from = 0, to = 1, least = from, most = to] = percentiles(sample, [low, high, 0, 100])
  return from < to ? windowBetween(from, to) : windowBetween(least, most)
}
