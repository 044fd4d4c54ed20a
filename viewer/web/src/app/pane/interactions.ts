import type MapBrowserEvent from 'ol/MapBrowserEvent'
import Feature from 'ol/Feature'
import { LineString, Polygon } from 'ol/geom'
import type { Geometry } from 'ol/geom'
import Interaction from 'ol/interaction/Interaction'
import PointerInteraction from 'ol/interaction/Pointer'
import VectorLayer from 'ol/layer/Vector'
import VectorSource from 'ol/source/Vector'
import type { StyleFunction } from 'ol/style/Style'
import { meaningOf } from '@/core/corners'
import type { Click } from '@/core/corners'

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

/** How far a drawing under way has come; no corners where there is none. */
export interface Progress {
  readonly corners: number
  /** Corners taken back that can be put again. */
  readonly taken: number
}

export interface SketchListener {
  /** Whether a drawing may be begun here now. */
  mayBegin(): boolean
  sketching(progress: Progress): void
  finished(geometry: Geometry): void
}

/** What draws a shape of several points. */
export interface Sketcher extends Interaction {
  /** Of the drawing under way; 0 where there is none. */
  readonly corners: number
  setColour(colour: string): void
  abort(): void
  finish(): void
  /** Take back the last corner; without any the drawing is given up. */
  takeBack(): void
  /** Put again what was taken back last. */
  putBack(): void
}

/** A click of the left button; a drag is told by where it began. */
export class ClickInteraction extends PointerInteraction {
  private downAt: number[] = [0, 0]

  constructor(
    private readonly clicked: (event: MapBrowserEvent<PointerEvent>) => void,
    private readonly dragged: (from: number[]) => void = () => undefined,
  ) {
    super()
  }

  override handleDownEvent(event: MapBrowserEvent<PointerEvent>): boolean {
    this.downAt = event.pixel
    return event.originalEvent.button === 0
  }

  override handleUpEvent(event: MapBrowserEvent<PointerEvent>): boolean {
    if (distance(this.downAt, event.pixel) <= CLICK) this.clicked(event)
    else this.dragged(this.downAt)
    return false
  }
}

function distance(a: number[], b: number[]): number {
  return Math.hypot((a[0] ?? 0) - (b[0] ?? 0), (a[1] ?? 0) - (b[1] ?? 0))
}

function clickOf(event: MapBrowserEvent<PointerEvent>): Click {
  const [x = 0, y = 0] = event.pixel
  return { at: [x, y], moment: event.originalEvent.timeStamp }
}

/** Draws what two points make, a line or an upright rectangle: by dragging, or by two clicks. */
export class TwoPointInteraction extends PointerInteraction implements Sketcher {
  private from: number[] | null = null
  private downAt: number[] = [0, 0]
  private pressed = false
  /** The last press or the end of the last shape: the second click of a double click begins nothing there. */
  private last: Click | null = null
  private ended = false
  /** Whether this shape was begun by the first click after another one ended. */
  private doubtful = false
  private readonly sketch = new Feature<Geometry>()
  private readonly overlay: VectorLayer<VectorSource>
  private readonly doubled = (): void => this.doubleClicked()

  constructor(
    private readonly kind: 'line' | 'rectangle',
    private readonly styleOf: (colour: string) => StyleFunction,
    colour: string,
    private readonly listener: SketchListener,
  ) {
    super()
    this.overlay = new VectorLayer({
      source: new VectorSource({ useSpatialIndex: false }),
      style: styleOf(colour),
      updateWhileInteracting: true,
      updateWhileAnimating: true,
    })
  }

  override setMap(map: Parameters<PointerInteraction['setMap']>[0]): void {
    // The browser knows how slow a double click may be.
    this.getMap()?.getViewport()?.removeEventListener('dblclick', this.doubled)
    super.setMap(map)
    this.overlay.setMap(map)
    map?.getViewport()?.addEventListener('dblclick', this.doubled)
  }

  get corners(): number {
    return this.from === null ? 0 : 1
  }

  setColour(colour: string): void {
    this.overlay.setStyle(this.styleOf(colour))
  }

  abort(): void {
    const underWay = this.from !== null
    this.from = null
    this.pressed = false
    this.overlay.getSource()?.clear()
    if (underWay) this.listener.sketching({ corners: 0, taken: 0 })
  }

  /** The second point finishes it, nothing else does. */
  finish(): void {}

  takeBack(): void {
    this.abort()
  }

  putBack(): void {}

  override handleEvent(event: MapBrowserEvent<PointerEvent>): boolean {
    if (event.type === 'pointermove' && this.from !== null && !this.pressed) this.show(event.coordinate)
    if (event.type === 'dblclick') return false
    return super.handleEvent(event)
  }

  override handleDownEvent(event: MapBrowserEvent<PointerEvent>): boolean {
    if (event.originalEvent.button !== 0) return false
    const begins = this.from === null
    const again = begins && meaningOf(clickOf(event), this.last, []) === 'nothing'
    this.last = clickOf(event)
    if (again || (begins && !this.listener.mayBegin())) return false
    this.doubtful = begins && this.ended
    this.ended = false
    this.pressed = true
    this.downAt = event.pixel
    this.from ??= event.coordinate
    if (begins) this.listener.sketching({ corners: 1, taken: 0 })
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
    const farFromStart = distance(start, event.pixel) > CLICK
    // The first click only sets the start; a press at the start that did not move waits for the second click.
    if (!farFromStart || (distance(this.downAt, event.pixel) <= CLICK && distance(this.downAt, start) <= CLICK)) return false
    const geometry = this.geometry(from, event.coordinate)
    this.last = clickOf(event)
    this.ended = true
    this.abort()
    this.listener.finished(geometry)
    return false
  }

  private doubleClicked(): void {
    if (this.doubtful) this.abort()
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
