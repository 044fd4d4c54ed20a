import { Polygon } from 'ol/geom'
import type { Geometry } from 'ol/geom'
import { apart } from '@/core/corners'
import type { Spot } from '@/core/corners'
import { dragCorner, isUpright } from '@/core/rectangle'

function ringOf(polygon: Polygon): Spot[] {
  return (polygon.getCoordinates()[0] ?? []).map(([x = 0, y = 0]): Spot => [x, y])
}

/** Whether a geometry is one upright rectangle. */
export function isRectangle(geometry: Geometry | undefined): geometry is Polygon {
  return geometry instanceof Polygon && geometry.getLinearRingCount() === 1 && isUpright(ringOf(geometry))
}

/** Keep an upright rectangle one while its corners are moved; gives what ends this. */
export function keepRectangle(geometry: Geometry | undefined): () => void {
  if (!isRectangle(geometry)) return () => undefined
  let shown = ringOf(geometry)

  function changed(): void {
    const now = ringOf(geometry as Polygon)
    const corner = now.findIndex((spot, place) => apart(spot, shown[place] ?? spot) > 0)
    const to = now[corner]
    // An edge that was bent makes a polygon.
    if (now.length !== shown.length || to === undefined) return
    shown = dragCorner(shown, corner % 4, to)
    ;(geometry as Polygon).setCoordinates([shown.map((spot) => [...spot])])
  }

  geometry.addEventListener('change', changed)
  return () => geometry.removeEventListener('change', changed)
}
