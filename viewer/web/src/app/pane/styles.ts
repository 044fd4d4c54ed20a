import type { FeatureLike } from 'ol/Feature'
import { LineString, MultiPoint, MultiPolygon, Polygon } from 'ol/geom'
import type { Geometry } from 'ol/geom'
import CircleStyle from 'ol/style/Circle'
import Fill from 'ol/style/Fill'
import Stroke from 'ol/style/Stroke'
import Style from 'ol/style/Style'
import Text from 'ol/style/Text'
import { TARGET } from '@/core/corners'
import { borderColour, parseColour } from '@/core/overlay'
import type { Hand } from '@/core/overlay'

const FONT = '600 12px "Inter", "Segoe UI", system-ui, sans-serif'
const HALO = 'rgba(5, 8, 11, 0.85)'

function withAlpha(colour: string, alpha: number): string {
  const value = Math.round(Math.min(Math.max(alpha, 0), 1) * 255)
  return `${colour}${value.toString(16).padStart(2, '0')}`
}

/** Colour of a drawing without a term. */
export const NO_TERM = '#ffd166'
/** Border of reviewed copies. */
const COPY = '#6ccf97'

/** How one drawing looks. */
export interface MarkLook {
  readonly colour: string
  readonly opacity: number
  readonly hand: Hand
  readonly selected: boolean
  /** Drawings of others have a thinner line. */
  readonly own: boolean
  /** Reviewed copies have a border of their own around the line. */
  readonly copy: boolean
  /** What may not be changed has no handles. */
  readonly editable: boolean
  readonly caption: string
}

export function stylesFor(look: MarkLook, geometry: Geometry | undefined): Style[] {
  const { colour, opacity, selected, hand, own, copy } = look
  const width = (selected ? 3 : 2) * (own || copy ? 1 : 0.5)
  const casing = copy ? withAlpha(COPY, 0.85 * opacity) : withAlpha('#05080b', 0.6 * opacity)
  const model = hand === 'model'
  const line = withAlpha(borderColour(parseColour(colour), hand), opacity)
  const styles = [
    new Style({ stroke: new Stroke({ color: casing, width: width + (copy ? 4 : selected ? 3 : 2) }) }),
    new Style({
      stroke: new Stroke({ color: line, width, ...(model ? { lineDash: [6, 6] } : {}) }),
      fill: new Fill({ color: withAlpha(colour, (selected ? 0.22 : model ? 0 : 0.12) * opacity) }),
      image: new CircleStyle({
        radius: selected ? 6 : 5,
        fill: new Fill({ color: line }),
        stroke: new Stroke({ color: selected ? '#ffffff' : copy ? COPY : HALO, width: 2 }),
      }),
    }),
  ]
  if (look.caption !== '') {
    styles.push(
      new Style({
        geometry: anchorOf(geometry),
        text: new Text({
          text: look.caption,
          font: FONT,
          offsetX: geometry instanceof LineString ? 6 : 0,
          offsetY: geometry instanceof LineString ? 14 : -12,
          overflow: true,
          fill: new Fill({ color: withAlpha('#ffffff', opacity) }),
          stroke: new Stroke({ color: HALO, width: 4 }),
        }),
      }),
    )
  }
  if (selected && look.editable && geometry !== undefined) styles.push(handles(geometry, colour))
  return styles
}

function anchorOf(geometry: Geometry | undefined): Geometry | undefined {
  if (geometry instanceof LineString) return new LineString([geometry.getLastCoordinate(), geometry.getLastCoordinate()])
  // OpenLayers would write the whole area on every part.
  if (geometry instanceof MultiPolygon) return geometry.getPolygons().reduce((a, b) => (b.getArea() > a.getArea() ? b : a))
  return geometry
}

function handles(geometry: Geometry, colour: string): Style {
  const points =
    geometry instanceof Polygon ? geometry.getCoordinates().flat()
    : geometry instanceof MultiPolygon ? geometry.getCoordinates().flat(2)
    : geometry instanceof LineString ? geometry.getCoordinates()
    : []
  return new Style({
    geometry: new MultiPoint(points),
    image: new CircleStyle({
      radius: 4,
      fill: new Fill({ color: '#ffffff' }),
      stroke: new Stroke({ color: colour, width: 2 }),
    }),
  })
}

function sketchLook(colour: string, caption: string): MarkLook {
  return { colour, opacity: 1, hand: 'member', selected: false, own: true, copy: false, editable: false, caption }
}

/** The lines of a polygon under way. */
export function outlineStyle(colour: string): Style[] {
  return stylesFor(sketchLook(colour, ''), undefined)
}

/** Its corners. */
export function cornerStyle(colour: string): Style {
  const [fill, stroke] = [new Fill({ color: '#ffffff' }), new Stroke({ color: colour, width: 1.5 })]
  return new Style({ image: new CircleStyle({ radius: 3, fill, stroke }) })
}

/** The corner that closes it. */
export function targetStyle(colour: string): Style {
  const [fill, stroke] = [new Fill({ color: withAlpha('#ffffff', 0.35) }), new Stroke({ color: colour, width: 2 })]
  return new Style({ image: new CircleStyle({ radius: TARGET, fill, stroke }) })
}

/** The line or rectangle under way. */
export function sketchStyle(colour: string, caption: (geometry: Geometry) => string) {
  return (feature: FeatureLike): Style[] => {
    const geometry = feature.getGeometry() as Geometry | undefined
    const text = geometry instanceof LineString ? caption(geometry) : ''
    return stylesFor(sketchLook(colour, text), geometry)
  }
}
