import type { Plane } from '@/core/plane'

/** Colour per voxel value of a segmentation, as 0xBBGGRR; a value without colour is not shown. */
export type Palette = ReadonlyMap<number, number>

/** How one segmentation looks: what people drew is filled, what a model found is a dashed line only. */
export type Hand = 'member' | 'model'

const FILL: Readonly<Record<Hand, number>> = { member: 0x42, model: 0 }

/** "#rrggbb" as 0xBBGGRR. */
export function parseColour(text: string): number {
  const match = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(text)
  if (match === null) return 0x00d7ff
  const [, red = '0', green = '0', blue = '0'] = match
  return (parseInt(blue, 16) << 16) | (parseInt(green, 16) << 8) | parseInt(red, 16)
}

/** 0xBBGGRR as "#rrggbb". */
export function writeColour(colour: number): string {
  const parts = [colour & 0xff, (colour >> 8) & 0xff, (colour >> 16) & 0xff]
  return `#${parts.map((part) => part.toString(16).padStart(2, '0')).join('')}`
}

/** The colour of a border: a model's is paler, so that it is seen over the same term that somebody drew. */
export function borderColour(colour: number, hand: Hand): string {
  if (hand === 'member') return writeColour(colour)
  return writeColour([0, 8, 16].reduce((sum, shift) => sum | ((((colour >> shift) & 0xff) + 255) >> 1 << shift), 0))
}

/** Paint the fill of a plane of a segmentation, light enough for the picture under it to stay readable. */
export function paintFill(plane: Plane, palette: Palette, hand: Hand, pixels: Uint32Array): void {
  const labels = plane.channels[0]
  if (labels === undefined) return
  for (let place = 0; place < pixels.length; place += 1) {
    const value = labels[place] as number
    const colour = value === 0 ? undefined : palette.get(value)
    pixels[place] = colour === undefined ? 0 : (colour | (FILL[hand] << 24)) >>> 0
  }
}
