import OlMap from 'ol/Map'
import type MapBrowserEvent from 'ol/MapBrowserEvent'
import View from 'ol/View'
import Collection from 'ol/Collection'
import Feature from 'ol/Feature'
import { Point } from 'ol/geom'
import type { Geometry } from 'ol/geom'
import Modify from 'ol/interaction/Modify'
import Translate from 'ol/interaction/Translate'
import type Interaction from 'ol/interaction/Interaction'
import VectorLayer from 'ol/layer/Vector'
import Projection from 'ol/proj/Projection'
import VectorSource from 'ol/source/Vector'
import type { StyleFunction } from 'ol/style/Style'
import { toGeometry, toShape } from '@/app/pane/geometry'
import { ClickInteraction, DragInteraction, TwoPointInteraction, WheelInteraction } from '@/app/pane/interactions'
import type { Drag, Progress, Sketcher } from '@/app/pane/interactions'
import { PolygonInteraction } from '@/app/pane/polygon'
import { isRectangle, keepRectangle } from '@/app/pane/rectangle'
import { SliceLayer } from '@/app/pane/slice-layer'
import type { Sheet } from '@/app/pane/slice-layer'
import { NO_TERM, sketchStyle, stylesFor } from '@/app/pane/styles'
import type { MarkLook } from '@/app/pane/styles'
import { drawsShape } from '@/domain/tools'
import type { Tool } from '@/domain/tools'
import type { MapPoint, PlaneFrame, PlanePoint } from '@/geometry/frame'
import { clampShape, holdsShape } from '@/geometry/wkt'
import type { Shape } from '@/geometry/wkt'

/** One drawing as the pane shows it. */
export interface Mark extends MarkLook {
  readonly key: string
  readonly shape: Shape
}

export interface PaneListener {
  scroll(steps: number): void
  hover(point: PlanePoint | null): void
  windowDrag(dx: number, dy: number): void
  crosshair(point: PlanePoint): void
  drawn(shape: Shape): void
  modified(key: string, shape: Shape): void
  selected(key: string | null): void
  /** A drawing that may not be changed was dragged. */
  refused(key: string): void
  maximise(): void
  moved(): void
  /** Whether a drawing may be begun here now; why not is said. */
  mayBegin(): boolean
  /** A drawing under way got on, or there is none any more. */
  sketching(progress: Progress): void
  /** A point was to be placed where the image is not. */
  outside(): void
  /** A polygon was to be closed that has too few corners. */
  unfinished(): void
  /** Caption of a line while it is drawn. */
  caption(shape: Shape): string
}

const HIT = 6
/** How near to a corner or an edge it is taken hold of, in screen pixels. */
const CORNER = 8
/** Room for the letters around the picture. */
const MARGIN = 24

/** One plane on the screen: an OpenLayers map whose pixels are ours. */
export class Pane {
  private readonly map: OlMap
  private readonly slice: SliceLayer
  private readonly marks = new VectorSource<Feature<Geometry>>({ useSpatialIndex: false })
  private readonly vectors: VectorLayer<VectorSource<Feature<Geometry>>>
  private readonly editing = new Collection<Feature<Geometry>>()
  private readonly drag: DragInteraction
  private readonly extras: Interaction[] = []
  private tool: Tool = 'window'
  private colour = NO_TERM
  private untouched = true
  private sketcher: Sketcher | null = null
  private readonly density = new AbortController()

  constructor(
    private readonly element: HTMLElement,
    private readonly frame: PlaneFrame,
    private readonly listener: PaneListener,
  ) {
    this.slice = new SliceLayer(frame)
    this.vectors = new VectorLayer({
      className: 'marks-layer',
      source: this.marks,
      updateWhileInteracting: true,
      style: (feature) => stylesFor(feature.get('look'), feature.getGeometry() as Geometry | undefined),
    })
    const extent = [0, 0, frame.width, frame.height]
    const projection = new Projection({ code: `plane-${frame.axis}`, units: 'pixels', extent })
    this.map = new OlMap({
      target: element,
      controls: [],
      interactions: [],
      layers: [this.slice, this.vectors],
      view: new View({
        projection,
        center: [frame.width / 2, frame.height / 2],
        resolution: 1,
        constrainResolution: false,
        smoothResolutionConstraint: false,
        smoothExtentConstraint: false,
        enableRotation: false,
        minResolution: Math.min(frame.rowStep, frame.columnStep) / 64,
        maxResolution: Math.max(frame.width, frame.height) / 24,
      }),
    })
    this.map.addInteraction(new WheelInteraction((steps) => listener.scroll(steps), (factor, at) => this.zoom(factor, at)))
    this.drag = new DragInteraction({
      start: (drag, coordinate) => drag === 'crosshair' && this.crosshair(coordinate),
      move: (drag, dx, dy, coordinate) => this.dragged(drag, dx, dy, coordinate),
      end: (drag, moved, pixel) => !moved && drag !== 'crosshair' && this.pick(pixel),
    })
    this.map.addInteraction(this.drag)
    this.listen()
    this.fit()
    this.useTool(this.tool)
  }

  private listen(): void {
    this.map.on('pointermove', (event) => this.listener.hover(this.planeAt(event.coordinate)))
    this.map.on('change:size', () => this.untouched && this.fit())
    this.map.on('postrender', () => this.listener.moved())
    this.map.on('dblclick', () => !drawsShape(this.tool) && this.listener.maximise())
    const { signal } = this.density
    this.element.addEventListener('pointerleave', () => this.listener.hover(null), { signal })
    this.element.addEventListener('contextmenu', (event) => event.preventDefault(), { signal })
    this.followDensity()
  }

  /** OpenLayers keeps the pixel ratio that it found at the start. */
  private followDensity(): void {
    const query = window.matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`)
    const changed = (): void => {
      this.map.setPixelRatio(window.devicePixelRatio)
      this.followDensity()
    }
    query.addEventListener('change', changed, { once: true, signal: this.density.signal })
  }

  dispose(): void {
    this.density.abort()
    this.setExtras([])
    this.map.setTarget(undefined)
    this.slice.dispose()
    this.vectors.dispose()
    this.map.dispose()
  }

  /** Repaint the picture; the map is not rendered. */
  show(sheets: readonly Sheet[]): void {
    this.slice.show(sheets)
  }

  setMarks(marks: readonly Mark[]): void {
    this.editing.clear()
    const features = marks.map((mark) => {
      const feature = new Feature<Geometry>(toGeometry(mark.shape, this.frame))
      feature.setId(mark.key)
      feature.set('look', mark, true)
      if (mark.selected && mark.editable && this.tool === 'select') this.editing.push(feature)
      return feature
    })
    this.marks.clear(true)
    this.marks.addFeatures(features)
  }

  /** Colour of what is drawn next. */
  setColour(colour: string): void {
    if (colour === this.colour) return
    this.colour = colour
    // The drawing under way goes on in the new colour.
    this.sketcher?.setColour(colour)
  }

  useTool(tool: Tool): void {
    this.tool = tool
    const left: Readonly<Partial<Record<Tool, Drag>>> = {
      window: 'window', pan: 'pan', zoom: 'zoom', crosshair: 'crosshair',
    }
    this.drag.left = left[tool] ?? null
    if (tool === 'select') this.setExtras(this.editors())
    else if (tool === 'point') this.setExtras([new ClickInteraction((event) => this.finished(new Point(event.coordinate)))])
    else if (tool === 'line' || tool === 'rectangle' || tool === 'polygon') this.useSketcher(this.sketcherOf(tool))
    else this.setExtras([])
  }

  /** Give up the drawing under way, if there is one. */
  abort(): void {
    this.sketcher?.abort()
  }

  /** Take back the last corner of the drawing under way. */
  takeBack(): void {
    this.sketcher?.takeBack()
  }

  /** Put again the corner that was taken back last. */
  putBack(): void {
    this.sketcher?.putBack()
  }

  /** Corners of the drawing under way; 0 where there is none. */
  get corners(): number {
    return this.sketcher?.corners ?? 0
  }

  /** Close the polygon under way; one of fewer than three corners stays as it is. */
  finish(): void {
    this.sketcher?.finish()
  }

  /** Show the whole plane. */
  fit(): void {
    this.untouched = true
    const size = this.map.getSize()
    const options = { padding: [MARGIN, MARGIN, MARGIN, MARGIN], ...(size === undefined ? {} : { size }) }
    this.map.getView().fit([0, 0, this.frame.width, this.frame.height], options)
  }

  zoom(factor: number, at?: number[]): void {
    const view = this.map.getView()
    const [resolution = 1, center = [0, 0]] = [view.getResolution(), view.getCenter()]
    const next = Math.min(Math.max(resolution * factor, view.getMinResolution()), view.getMaxResolution())
    const [ax = 0, ay = 0] = at ?? center
    const [cx = 0, cy = 0] = center
    this.untouched = false
    view.setResolution(next)
    view.setCenter([ax + ((cx - ax) * next) / resolution, ay + ((cy - ay) * next) / resolution])
  }

  /** Screen position of a point of the plane, or null before the first rendering. */
  pixelOf(point: PlanePoint): readonly [number, number] | null {
    const pixel = this.map.getPixelFromCoordinate([...this.frame.toMap(point)])
    return pixel === null ? null : [pixel[0] ?? 0, pixel[1] ?? 0]
  }

  /** mm (or pixels) per screen pixel. */
  get resolution(): number {
    return this.map.getView().getResolution() ?? 1
  }

  private planeAt(coordinate: number[]): PlanePoint {
    return this.frame.toPlane([coordinate[0] ?? 0, coordinate[1] ?? 0] as MapPoint)
  }

  private crosshair(coordinate: number[]): void {
    this.listener.crosshair(this.planeAt(coordinate))
  }

  private dragged(drag: Drag, dx: number, dy: number, coordinate: number[]): void {
    switch (drag) {
      case 'window':
        this.listener.windowDrag(dx, dy)
        break
      case 'zoom':
        this.zoom(Math.exp(dy / 200))
        break
      case 'crosshair':
        this.crosshair(coordinate)
        break
      case 'pan': {
        const view = this.map.getView()
        const [x = 0, y = 0] = view.getCenter() ?? []
        this.untouched = false
        view.setCenter([x - dx * this.resolution, y + dy * this.resolution])
      }
    }
  }

  private pick(pixel: number[]): void {
    this.listener.selected(this.markAt(pixel)?.key ?? null)
  }

  private refuse(pixel: number[]): void {
    const mark = this.markAt(pixel)
    if (mark !== null && mark.selected && !mark.editable) this.listener.refused(mark.key)
  }

  private markAt(pixel: number[]): Mark | null {
    const options = { hitTolerance: HIT, layerFilter: (layer: unknown) => layer === this.vectors }
    return this.map.forEachFeatureAtPixel(pixel, (found) => found.get('look') as Mark, options) ?? null
  }

  private setExtras(extras: readonly Interaction[]): void {
    this.abort()
    this.sketcher = null
    for (const extra of this.extras.splice(0)) {
      this.map.removeInteraction(extra)
      extra.dispose()
    }
    for (const extra of extras) {
      this.map.addInteraction(extra)
      this.extras.push(extra)
    }
  }

  private useSketcher(sketcher: Sketcher): void {
    this.setExtras([sketcher])
    this.sketcher = sketcher
  }

  private editors(): Interaction[] {
    const translate = new Translate({ features: this.editing, hitTolerance: HIT })
    translate.on('translateend', (event) => this.changed(event.features.getArray()))
    const modify = new Modify({
      features: this.editing,
      pixelTolerance: CORNER,
      insertVertexCondition: (event: MapBrowserEvent | undefined) => event === undefined || event.originalEvent.altKey || !this.onRectangle(event),
    })
    let letGo: (() => void)[] = []
    modify.on('modifystart', ({ features, mapBrowserEvent }) => {
      const free = mapBrowserEvent?.originalEvent.altKey === true
      letGo = free ? [] : (features.getArray() as Feature<Geometry>[]).map((feature) => keepRectangle(feature.getGeometry()))
    })
    modify.on('modifyend', (event) => {
      for (const end of letGo) end()
      this.changed(event.features.getArray() as Feature<Geometry>[])
    })
    const picker = new ClickInteraction((event) => this.pick(event.pixel), (from) => this.refuse(from))
    return [picker, translate, modify]
  }

  /** Whether an event is at a rectangle that is being edited. */
  private onRectangle({ coordinate, map }: MapBrowserEvent): boolean {
    const near = CORNER * (map.getView().getResolution() ?? 1)
    return (this.editing.getArray() as Feature<Geometry>[]).some((feature) => {
      const geometry = feature.getGeometry()
      if (!isRectangle(geometry)) return false
      const [x = 0, y = 0] = geometry.getClosestPoint(coordinate)
      return Math.hypot(x - (coordinate[0] ?? 0), y - (coordinate[1] ?? 0)) <= near
    })
  }

  private changed(features: readonly Feature<Geometry>[]): void {
    for (const feature of features) {
      const geometry = feature.getGeometry()
      const shape = geometry === undefined ? null : toShape(geometry, this.frame)
      if (shape !== null) this.listener.modified(String(feature.getId()), this.clamped(shape))
    }
  }

  private clamped(shape: Shape): Shape {
    return clampShape(shape, this.frame.rows, this.frame.columns)
  }

  private readonly style = (colour: string): StyleFunction =>
    sketchStyle(colour, (geometry) => {
      const shape = toShape(geometry, this.frame)
      return shape === null ? '' : this.listener.caption(shape)
    })

  private sketcherOf(kind: 'line' | 'rectangle' | 'polygon'): Sketcher {
    const listener = {
      mayBegin: () => this.listener.mayBegin(),
      sketching: (progress: Progress) => this.listener.sketching(progress),
      finished: (geometry: Geometry) => this.finished(geometry),
      unfinished: () => this.listener.unfinished(),
    }
    if (kind === 'polygon') return new PolygonInteraction(this.colour, listener)
    return new TwoPointInteraction(kind, this.style, this.colour, listener)
  }

  private finished(geometry: Geometry): void {
    const shape = toShape(geometry, this.frame)
    if (shape === null) return
    const { rows, columns } = this.frame
    // A border that was not clicked is no place of a point.
    if (shape.kind === 'point' && !holdsShape(shape, rows, columns)) this.listener.outside()
    else this.listener.drawn(this.clamped(shape))
  }
}
