import { borderColour, paintFill } from '@/core/overlay'
import type { Hand, Palette } from '@/core/overlay'
import type { Look } from '@/core/lut'
import { traceOutlines } from '@/core/outline'
import type { Loop } from '@/core/outline'
import type { Painter } from '@/core/paint'
import type { Plane } from '@/core/plane'

/** One plane as pixels, ready to be drawn with a matrix; `rowStep` and `columnStep` as in the plane. */
export interface Picture {
  readonly canvas: HTMLCanvasElement
  readonly rowStep: number
  readonly columnStep: number
}

/** The border of one term on a plane, in elements of its picture. */
export interface Outline {
  readonly path: Path2D
  readonly colour: string
}

export interface OverlayPicture extends Picture {
  readonly outlines: readonly Outline[]
}

function pathOf(loops: readonly Loop[]): Path2D {
  const path = new Path2D()
  for (const loop of loops) {
    path.moveTo(loop[0] ?? 0, loop[1] ?? 0)
    for (let place = 2; place < loop.length; place += 2) path.lineTo(loop[place] ?? 0, loop[place + 1] ?? 0)
    path.closePath()
  }
  return path
}

/** A canvas of the size of the last plane, repainted in place. */
export class Surface {
  private readonly canvas = document.createElement('canvas')
  private image: ImageData | null = null
  private pixels = new Uint32Array(0)

  /** Paint grey or colour values. */
  show(plane: Plane, painter: Painter, look: Look): Picture {
    this.resize(plane)
    painter.paint(plane, look, this.pixels)
    return this.flush(plane)
  }

  /** Paint a segmentation; null where it has nothing on this plane. */
  overlay(plane: Plane, palette: Palette, hand: Hand): OverlayPicture | null {
    const outlines = [...traceOutlines(plane)].flatMap(([value, loops]): Outline[] => {
      const colour = palette.get(value)
      return colour === undefined ? [] : [{ path: pathOf(loops), colour: borderColour(colour, hand) }]
    })
    if (outlines.length === 0) return null
    this.resize(plane)
    paintFill(plane, palette, hand, this.pixels)
    return { ...this.flush(plane), outlines }
  }

  private resize({ rows, columns }: Plane): void {
    if (this.image !== null && this.image.width === columns && this.image.height === rows) return
    this.canvas.width = columns
    this.canvas.height = rows
    this.image = new ImageData(columns, rows)
    this.pixels = new Uint32Array(this.image.data.buffer)
  }

  private flush({ rowStep, columnStep }: Plane): Picture {
    if (this.image !== null) this.canvas.getContext('2d')?.putImageData(this.image, 0, 0)
    return { canvas: this.canvas, rowStep, columnStep }
  }
}
