import Layer from 'ol/layer/Layer'
import type { FrameState } from 'ol/Map'
import type { Picture } from '@/core/surface'
import type { PlaneFrame } from '@/geometry/frame'

/** One picture of the plane, bottom first. */
export interface Sheet {
  readonly picture: Picture
  readonly opacity: number
  /** Whether it may be smoothed when shrunk; segmentations never are. */
  readonly smooth: boolean
}

/**
 * Draws our own pictures at the place of the map's view.
 *
 * A new window or a new plane repaints this canvas only: rendering the map would draw every vector again.
 */
export class SliceLayer extends Layer {
  private readonly box = document.createElement('div')
  private readonly canvas = document.createElement('canvas')
  private state: FrameState | null = null
  private sheets: readonly Sheet[] = []

  constructor(private readonly frame: PlaneFrame) {
    // Layers of the same class name may share a canvas, and a bare canvas is drawn on by the layer above it.
    super({ className: 'slice-layer' })
    this.box.className = 'slice-layer'
    for (const element of [this.box, this.canvas]) {
      element.style.position = 'absolute'
      element.style.inset = '0'
    }
    this.box.append(this.canvas)
  }

  show(sheets: readonly Sheet[]): void {
    this.sheets = sheets
    this.draw()
  }

  override render(state: FrameState | null): HTMLElement {
    this.state = state
    this.draw()
    return this.box
  }

  override getSourceState(): 'ready' {
    return 'ready'
  }

  private draw(): void {
    const state = this.state
    const context = this.canvas.getContext('2d', { alpha: false })
    if (state === null || context === null) return
    const [width = 0, height = 0] = state.size
    const ratio = state.pixelRatio
    const [pixelWidth, pixelHeight] = [Math.round(width * ratio), Math.round(height * ratio)]
    if (this.canvas.width !== pixelWidth || this.canvas.height !== pixelHeight) {
      this.canvas.width = pixelWidth
      this.canvas.height = pixelHeight
      this.canvas.style.width = `${width}px`
      this.canvas.style.height = `${height}px`
    }
    context.setTransform(1, 0, 0, 1, 0, 0)
    context.fillStyle = '#000'
    context.fillRect(0, 0, pixelWidth, pixelHeight)
    for (const sheet of this.sheets) this.drawSheet(context, state, sheet)
    context.globalAlpha = 1
  }

  private drawSheet(context: CanvasRenderingContext2D, state: FrameState, sheet: Sheet): void {
    const { resolution, center } = state.viewState
    const [width = 0, height = 0] = state.size
    const scale = state.pixelRatio / resolution
    const toScreen = (x: number, y: number): [number, number] => {
      const [mapX, mapY] = this.frame.toMap([x, y])
      return [
        (mapX - (center[0] ?? 0)) * scale + (width * state.pixelRatio) / 2,
        (height * state.pixelRatio) / 2 - (mapY - (center[1] ?? 0)) * scale,
      ]
    }
    const [ox, oy] = toScreen(0, 0)
    const [ax, ay] = toScreen(sheet.picture.columnStep, 0)
    const [bx, by] = toScreen(0, sheet.picture.rowStep)
    const [a, b, c, d] = [ax - ox, ay - oy, bx - ox, by - oy]
    context.setTransform(a, b, c, d, ox, oy)
    // Enlarged elements stay visible as what they are; only shrinking is smoothed.
    context.imageSmoothingEnabled = sheet.smooth && Math.min(Math.hypot(a, b), Math.hypot(c, d)) < 1
    context.imageSmoothingQuality = 'high'
    context.globalAlpha = sheet.opacity
    context.drawImage(sheet.picture.canvas, 0, 0)
  }
}
