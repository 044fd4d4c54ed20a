import type MapBrowserEvent from 'ol/MapBrowserEvent'
import Feature from 'ol/Feature'
import { LineString, MultiPoint, Point, Polygon } from 'ol/geom'
import type { Geometry } from 'ol/geom'
import PointerInteraction from 'ol/interaction/Pointer'
import VectorLayer from 'ol/layer/Vector'
import VectorSource from 'ol/source/Vector'
import type { SketchListener, Sketcher } from '@/app/pane/interactions'
import { cornerStyle, outlineStyle, targetStyle } from '@/app/pane/styles'
import { Corners, LEAST, apart, isOnTarget, isTogether, meaningOf } from '@/core/corners'
import type { Click, Spot } from '@/core/corners'

const CLICK = 6
/** Screen pixels between the corners of a line that is drawn by dragging with Shift. */
const STEP = 4

export interface PolygonListener extends SketchListener {
  /** A polygon was to be closed that has too few corners. */
  unfinished(): void
}

const spot = (coordinate: number[]): Spot => [coordinate[0] ?? 0, coordinate[1] ?? 0]

/** Draws a polygon corner by corner; with Shift held, along the pointer. */
export class PolygonInteraction extends PointerInteraction implements Sketcher {
  private readonly placed = new Corners()
  private pointer: Spot | null = null
  private downAt: Spot = [0, 0]
  private tracing = false
  private clicks: readonly [Click | null, Click | null] = [null, null]
  private readonly area = new Feature<Geometry>()
  private readonly dots = new Feature<Geometry>()
  private readonly target = new Feature<Geometry>()
  private readonly overlay: VectorLayer<VectorSource>
  private readonly doubled = (): void => this.doubleClicked()

  constructor(
    colour: string,
    private readonly listener: PolygonListener,
  ) {
    super()
    const source = new VectorSource({ useSpatialIndex: false, features: [this.area, this.dots, this.target] })
    this.overlay = new VectorLayer({ source, updateWhileInteracting: true, updateWhileAnimating: true })
    this.setColour(colour)
  }

  override setMap(map: Parameters<PointerInteraction['setMap']>[0]): void {
    // The browser knows how slow a double click may be.
    this.getMap()?.getViewport()?.removeEventListener('dblclick', this.doubled)
    super.setMap(map)
    this.overlay.setMap(map)
    map?.getViewport()?.addEventListener('dblclick', this.doubled)
  }

  get corners(): number {
    return this.placed.all.length
  }

  setColour(colour: string): void {
    this.area.setStyle(outlineStyle(colour))
    this.dots.setStyle(cornerStyle(colour))
    this.target.setStyle(targetStyle(colour))
  }

  abort(): void {
    this.tracing = false
    if (this.corners > 0) this.change(() => this.placed.clear())
  }

  finish(): void {
    if (this.corners === 0) return
    if (this.corners < LEAST) {
      this.listener.unfinished()
      return
    }
    const ring = this.placed.all.map((corner) => [...corner])
    this.abort()
    this.listener.finished(new Polygon([[...ring, ring[0] ?? []]]))
  }

  takeBack(): void {
    if (this.corners > 0) this.change(() => this.placed.takeBack())
  }

  putBack(): void {
    if (this.corners > 0) this.change(() => this.placed.putBack())
  }

  override handleEvent(event: MapBrowserEvent<PointerEvent>): boolean {
    if (event.type === 'pointermove' || event.type === 'pointerdrag') {
      this.pointer = spot(event.coordinate)
      this.show()
    }
    if (event.type === 'dblclick') return false
    return super.handleEvent(event)
  }

  override handleDownEvent(event: MapBrowserEvent<PointerEvent>): boolean {
    if (event.originalEvent.button !== 0 || (this.corners === 0 && !this.listener.mayBegin())) return false
    this.downAt = spot(event.pixel)
    this.tracing = event.originalEvent.shiftKey && this.corners === 0
    return true
  }

  override handleDragEvent(event: MapBrowserEvent<PointerEvent>): void {
    if (!this.tracing) return
    const last = this.pixels().at(-1)
    if (last === undefined || apart(spot(event.pixel), last) >= STEP) this.place(event.coordinate)
  }

  override handleUpEvent(event: MapBrowserEvent<PointerEvent>): boolean {
    const traced = this.tracing && this.corners > 1
    this.tracing = false
    if (traced) this.finish()
    else if (apart(this.downAt, spot(event.pixel)) <= CLICK) this.clicked(event)
    return false
  }

  private clicked(event: MapBrowserEvent<PointerEvent>): void {
    const click: Click = { at: spot(event.pixel), moment: event.originalEvent.timeStamp }
    const meaning = meaningOf(click, this.clicks[1], this.pixels())
    this.clicks = [this.clicks[1], click]
    if (meaning === 'finish') this.finish()
    else if (meaning === 'add') this.place(event.coordinate)
  }

  private doubleClicked(): void {
    const [first, second] = this.clicks
    if (second !== null && isTogether(second, first) && this.corners >= LEAST) this.finish()
  }

  private place(coordinate: number[]): void {
    this.change(() => this.placed.add(spot(coordinate)))
  }

  private change(step: () => void): void {
    step()
    this.show()
    this.listener.sketching({ corners: this.corners, taken: this.corners === 0 ? 0 : this.placed.taken })
  }

  private pixels(): Spot[] {
    const map = this.getMap()
    return this.placed.all.map((corner) => spot(map?.getPixelFromCoordinate([...corner]) ?? []))
  }

  private show(): void {
    const corners = this.placed.all.map((corner) => [...corner])
    const first = corners[0]
    this.dots.setGeometry(first === undefined ? undefined : new MultiPoint(corners))
    this.target.setGeometry(first === undefined || corners.length < LEAST ? undefined : new Point(first))
    if (first === undefined) {
      this.area.setGeometry(undefined)
      return
    }
    const ring = this.pointer === null || this.isClosing() ? corners : [...corners, [...this.pointer]]
    this.area.setGeometry(ring.length < LEAST ? new LineString(ring) : new Polygon([[...ring, first]]))
  }

  /** Whether a click where the pointer is would close the polygon. */
  private isClosing(): boolean {
    const map = this.getMap()
    if (this.pointer === null || map === null) return false
    return isOnTarget(spot(map.getPixelFromCoordinate([...this.pointer]) ?? []), this.pixels())
  }
}
