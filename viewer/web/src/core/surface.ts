import { paintOverlay } from '@/core/overlay'
import type { Palette } from '@/core/overlay'
import type { Look } from '@/core/lut'
import type { Painter } from '@/core/paint'
import type { Plane } from '@/core/plane'

/** One plane as pixels, ready to be drawn with a matrix; `rowStep` and `columnStep` as in the plane. */
export interface Picture {
  readonly canvas: HTMLCanvasElement
  readonly rowStep: number
  readonly columnStep: number
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
  overlay(plane: Plane, palette: Palette): Picture | null {
    this.resize(plane)
    return paintOverlay(plane, palette, this.pixels) ? this.flush(plane) : null
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
