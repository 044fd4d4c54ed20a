import type MapBrowserEvent from 'ol/MapBrowserEvent'
import Feature from 'ol/Feature'
import { LineString, Polygon } from 'ol/geom'
import type { Geometry } from 'ol/geom'
import Interaction from 'ol/interaction/Interaction'
import PointerInteraction from 'ol/interaction/Pointer'
import VectorLayer from 'ol/layer/Vector'
import VectorSource from 'ol/source/Vector'
import type { StyleFunction } from 'ol/style/Style'

const NOTCH = 40
const CLICK = 4

/** The wheel turns planes, with Ctrl it zooms; every notch is one plane, a trackpad adds up. */
export class WheelInteraction extends Interaction {
  private rest = 0

  constructor(
    private readonly scroll: (steps: number) => void,
    private readonly zoom: (factor: number, at: number[]) => void,
  ) {
    super()
  }

  override handleEvent(event: MapBrowserEvent<PointerEvent>): boolean {
    if (event.type !== 'wheel') return true
    const wheel = event.originalEvent as unknown as WheelEvent
    wheel.preventDefault()
    const delta = wheel.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? wheel.deltaY : wheel.deltaY * NOTCH
    if (wheel.ctrlKey || wheel.metaKey) {
      this.zoom(Math.exp(Math.max(-0.5, Math.min(0.5, delta / 300))), event.coordinate)
      return false
    }
    if (Math.abs(delta) >= NOTCH) {
      this.rest = 0
      this.scroll(Math.sign(delta))
      return false
    }
    this.rest += delta
    const steps = Math.trunc(this.rest / NOTCH)
    if (steps !== 0) {
      this.rest -= steps * NOTCH
      this.scroll(steps)
    }
    return false
  }
}

export type Drag = 'pan' | 'zoom' | 'window' | 'crosshair'

export interface DragListener {
  start(drag: Drag, coordinate: number[]): void
  move(drag: Drag, dx: number, dy: number, coordinate: number[]): void
  end(drag: Drag, moved: boolean, pixel: number[]): void
}

/** Middle button pans and right button changes the window whatever the tool is; the left one does what it says. */
export class DragInteraction extends PointerInteraction {
  left: Drag | null = null
  private drag: Drag | null = null
  private last: number[] = [0, 0]
  private travelled = 0

  constructor(private readonly listener: DragListener) {
    super()
  }

  override handleDownEvent(event: MapBrowserEvent<PointerEvent>): boolean {
    const { button } = event.originalEvent
    const drag: Drag | null = button === 1 ? 'pan' : button === 2 ? 'window' : button === 0 ? this.left : null
    if (drag === null) return false
    this.drag = drag
    this.last = event.pixel
    this.travelled = 0
    this.listener.start(drag, event.coordinate)
    return true
  }

  override handleDragEvent(event: MapBrowserEvent<PointerEvent>): void {
    if (this.drag === null) return
    const [x = 0, y = 0] = event.pixel
    const [dx, dy] = [x - (this.last[0] ?? 0), y - (this.last[1] ?? 0)]
    this.last = event.pixel
    this.travelled += Math.abs(dx) + Math.abs(dy)
    this.listener.move(this.drag, dx, dy, event.coordinate)
  }

  override handleUpEvent(event: MapBrowserEvent<PointerEvent>): boolean {
    if (this.drag !== null) this.listener.end(this.drag, this.travelled > CLICK, event.pixel)
    this.drag = null
    return false
  }
}

/** Draws what two points make, a line or an upright rectangle: by dragging, or by two clicks. */
export class TwoPointInteraction extends PointerInteraction {
  private from: number[] | null = null
  private downAt: number[] = [0, 0]
  private pressed = false
  private readonly sketch = new Feature<Geometry>()
  private readonly overlay: VectorLayer<VectorSource>

  constructor(
    private readonly kind: 'line' | 'rectangle',
    style: StyleFunction,
    private readonly listener: { sketching(underWay: boolean): void; finished(geometry: Geometry): void },
  ) {
    super()
    this.overlay = new VectorLayer({
      source: new VectorSource({ useSpatialIndex: false }),
      style,
      updateWhileInteracting: true,
      updateWhileAnimating: true,
    })
  }

  override setMap(map: Parameters<PointerInteraction['setMap']>[0]): void {
    super.setMap(map)
    this.overlay.setMap(map)
  }

  /** Whether the first point is placed and the second is not. */
  get underWay(): boolean {
    return this.from !== null
  }

  setStyle(style: StyleFunction): void {
    this.overlay.setStyle(style)
  }

  abort(): void {
    if (this.from !== null) this.listener.sketching(false)
    this.from = null
    this.pressed = false
    this.overlay.getSource()?.clear()
  }

  override handleEvent(event: MapBrowserEvent<PointerEvent>): boolean {
    if (event.type === 'pointermove' && this.from !== null && !this.pressed) this.show(event.coordinate)
    if (event.type === 'dblclick') return false
    return super.handleEvent(event)
  }

  override handleDownEvent(event: MapBrowserEvent<PointerEvent>): boolean {
    if (event.originalEvent.button !== 0) return false
    this.pressed = true
    this.downAt = event.pixel
    if (this.from === null) this.listener.sketching(true)
    this.from ??= event.coordinate
    return true
  }

  override handleDragEvent(event: MapBrowserEvent<PointerEvent>): void {
    this.show(event.coordinate)
  }

  override handleUpEvent(event: MapBrowserEvent<PointerEvent>): boolean {
    this.pressed = false
    const from = this.from
    const map = this.getMap()
    if (from === null || map === null) return false
    const start = map.getPixelFromCoordinate(from)
    const apart = (a: number[], b: number[]): number =>
      Math.hypot((a[0] ?? 0) - (b[0] ?? 0), (a[1] ?? 0) - (b[1] ?? 0))
    const farFromStart = apart(start, event.pixel) > CLICK
    // The first click only sets the start; a press at the start that did not move waits for the second click.
    if (!farFromStart || (apart(this.downAt, event.pixel) <= CLICK && apart(this.downAt, start) <= CLICK)) return false
    const geometry = this.geometry(from, event.coordinate)
    this.abort()
    this.listener.finished(geometry)
    return false
  }

  private show(to: number[]): void {
    if (this.from === null) return
    this.sketch.setGeometry(this.geometry(this.from, to))
    const source = this.overlay.getSource()
    if (source !== null && !source.hasFeature(this.sketch)) source.addFeature(this.sketch)
  }

  private geometry(from: number[], to: number[]): Geometry {
    if (this.kind === 'line') return new LineString([from, to])
    const [x0 = 0, y0 = 0] = from
    const [x1 = 0, y1 = 0] = to
    return new Polygon([[[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]])
  }
}
