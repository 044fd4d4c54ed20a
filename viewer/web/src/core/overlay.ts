import type { Plane } from '@/core/plane'

/** Colour per voxel value of a segmentation, as 0xBBGGRR; a value without colour is not shown. */
export type Palette = ReadonlyMap<number, number>

const FILL = 0x59
const EDGE = 0xff

/** "#rrggbb" as 0xBBGGRR. */
export function parseColour(text: string): number {
  const match = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(text)
  if (match === null) return 0x00d7ff
  const [, red = '0', green = '0', blue = '0'] = match
  return (parseInt(blue, 16) << 16) | (parseInt(green, 16) << 8) | parseInt(red, 16)
}

/**
 * Paint a plane of a segmentation: a light fill, and its edge opaque so that the picture under it stays readable.
 *
 * Returns whether anything was painted.
 */
export function paintOverlay(plane: Plane, palette: Palette, pixels: Uint32Array): boolean {
  const labels = plane.channels[0]
  if (labels === undefined) return false
  const { rows, columns } = plane
  let any = false
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const place = row * columns + column
      const value = labels[place] as number
      const colour = value === 0 ? undefined : palette.get(value)
      if (colour === undefined) {
        pixels[place] = 0
        continue
      }
      any = true
      const inside =
        row > 0 && row < rows - 1 && column > 0 && column < columns - 1 &&
        labels[place - 1] === value && labels[place + 1] === value &&
        labels[place - columns] === value && labels[place + columns] === value
      pixels[place] = (colour | ((inside ? FILL : EDGE) << 24)) >>> 0
    }
  }
  return any
}
