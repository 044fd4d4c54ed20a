import { LineString, MultiPolygon, Point, Polygon } from 'ol/geom'
import type { Geometry } from 'ol/geom'
import type { MapPoint, PlaneFrame, PlanePoint } from '@/geometry/frame'
import type { Shape } from '@/geometry/wkt'

/** A shape on the plane as OpenLayers geometry on the map. */
export function toGeometry(shape: Shape, frame: PlaneFrame): Geometry {
  const map = (point: PlanePoint): number[] => [...frame.toMap(point)]
  switch (shape.kind) {
    case 'point':
      return new Point(map(shape.points[0] ?? [0, 0]))
    case 'line':
      return new LineString(shape.points.map(map))
    case 'polygon': {
      const polygons = shape.polygons.map((rings) => rings.map((ring) => ring.map(map)))
      return polygons.length === 1 ? new Polygon(polygons[0] ?? []) : new MultiPolygon(polygons)
    }
  }
}

/** OpenLayers geometry back to a shape on the plane. */
export function toShape(geometry: Geometry, frame: PlaneFrame): Shape | null {
  const plane = (coordinate: number[]): PlanePoint => frame.toPlane([coordinate[0] ?? 0, coordinate[1] ?? 0] as MapPoint)
  if (geometry instanceof Point) return { kind: 'point', points: [plane(geometry.getCoordinates())] }
  if (geometry instanceof LineString) return { kind: 'line', points: geometry.getCoordinates().map(plane) }
  if (geometry instanceof Polygon) {
    return { kind: 'polygon', polygons: [geometry.getCoordinates().map((ring) => ring.map(plane))] }
  }
  if (geometry instanceof MultiPolygon) {
    const polygons = geometry.getCoordinates().map((rings) => rings.map((ring) => ring.map(plane)))
    return { kind: 'polygon', polygons }
  }
  return null
}
