import Layer from 'ol/layer/Layer'
import type { FrameState } from 'ol/Map'
import type { Hand } from '@/core/overlay'
import type { Outline, Picture } from '@/core/surface'
import type { PlaneFrame } from '@/geometry/frame'

/** One picture of the plane, bottom first. */
export interface Sheet {
  readonly picture: Picture
  readonly opacity: number
  /** Whether it may be smoothed when shrunk; segmentations never are. */
  readonly smooth: boolean
  /** Borders to draw over all pictures, and whose. */
  readonly outlines?: readonly Outline[]
  readonly hand?: Hand
}

/** Screen pixels, whatever the zoom: a small object is not hidden by its own border. */
const LINE = 1.5
const CASING = 3
const DASH = [5, 4]
const SHADE: Readonly<Record<Hand, string>> = { member: 'rgba(5, 8, 11, 0.35)', model: 'rgba(5, 8, 11, 0.45)' }

type Matrix = readonly [number, number, number, number, number, number]

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
    context.setTransform(1, 0, 0, 1, 0, 0)
    for (const sheet of this.sheets) this.drawOutlines(context, state, sheet)
    context.globalAlpha = 1
  }

  /** Where elements of a picture are on the canvas. */
  private matrixOf(state: FrameState, picture: Picture): Matrix {
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
    const [ax, ay] = toScreen(picture.columnStep, 0)
    const [bx, by] = toScreen(0, picture.rowStep)
    return [ax - ox, ay - oy, bx - ox, by - oy, ox, oy]
  }

  private drawOutlines(context: CanvasRenderingContext2D, state: FrameState, sheet: Sheet): void {
    const { hand = 'member', outlines = [] } = sheet
    const matrix = new DOMMatrix([...this.matrixOf(state, sheet.picture)])
    context.globalAlpha = sheet.opacity
    context.lineJoin = 'round'
    for (const { path, colour } of outlines) {
      const placed = new Path2D()
      placed.addPath(path, matrix)
      context.setLineDash([])
      context.lineWidth = CASING * state.pixelRatio
      context.strokeStyle = SHADE[hand]
      context.stroke(placed)
      context.setLineDash(hand === 'model' ? DASH.map((part) => part * state.pixelRatio) : [])
      context.lineWidth = LINE * state.pixelRatio
      context.strokeStyle = colour
      context.stroke(placed)
    }
    context.setLineDash([])
  }

  private drawSheet(context: CanvasRenderingContext2D, state: FrameState, sheet: Sheet): void {
    const matrix = this.matrixOf(state, sheet.picture)
    const [a, b, c, d] = matrix
    context.setTransform(...matrix)
    // Enlarged elements stay visible as what they are; only shrinking is smoothed.
    context.imageSmoothingEnabled = sheet.smooth && Math.min(Math.hypot(a, b), Math.hypot(c, d)) < 1
    context.imageSmoothingQuality = 'high'
    context.globalAlpha = sheet.opacity
    context.drawImage(sheet.picture.canvas, 0, 0)
  }
}
