import type { PlanePoint } from '@/geometry/frame'

/** A drawing in plane elements, origin top-left, y down. Rings are closed. */
export type Shape =
  | { readonly kind: 'point'; readonly points: readonly PlanePoint[] }
  | { readonly kind: 'line'; readonly points: readonly PlanePoint[] }
  | { readonly kind: 'polygon'; readonly polygons: readonly (readonly (readonly PlanePoint[])[])[] }

const NUMBER = /^-?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?$/i

function parsePoints(text: string, rows: number): PlanePoint[] | null {
  const points: PlanePoint[] = []
  for (const pair of text.split(',')) {
    const [x, y, ...rest] = pair.trim().replace(/^\(|\)$/g, '').trim().split(/\s+/)
    if (x === undefined || y === undefined || rest.length > 0 || !NUMBER.test(x) || !NUMBER.test(y)) return null
    points.push([Number(x), rows - Number(y)])
  }
  return points
}

function parseRings(text: string, rows: number): PlanePoint[][] | null {
  const rings = text.match(/\(([^()]*)\)/g)
  if (rings === null) return null
  const parsed = rings.map((ring) => parsePoints(ring.slice(1, -1), rows))
  return parsed.some((ring) => ring === null || ring.length < 4) ? null : (parsed as PlanePoint[][])
}

/** Read WKT (origin lower-left, y up) of a plane with so many rows; null when it is none of ours. */
export function parseWkt(wkt: string, rows: number): Shape | null {
  const match = /^\s*(MULTIPOINT|POINT|LINESTRING|POLYGON|MULTIPOLYGON)\s*\(([\s\S]*)\)\s*$/i.exec(wkt)
  if (match === null) return null
  const [, word = '', body = ''] = match
  switch (word.toUpperCase()) {
    case 'POINT':
    case 'MULTIPOINT': {
      const points = parsePoints(body, rows)
      return points === null ? null : { kind: 'point', points }
    }
    case 'LINESTRING': {
      const points = parsePoints(body, rows)
      return points === null || points.length < 2 ? null : { kind: 'line', points }
    }
    case 'POLYGON': {
      const rings = parseRings(body, rows)
      return rings === null ? null : { kind: 'polygon', polygons: [rings] }
    }
    default: {
      const polygons = body.split(/\)\s*\)\s*,\s*\(\s*\(/).map((part) => {
        const inner = part.replace(/^\s*\(\s*\(/, '').replace(/\)\s*\)\s*$/, '')
        return parseRings(`(${inner})`, rows)
      })
      return polygons.some((rings) => rings === null) ? null : { kind: 'polygon', polygons: polygons as PlanePoint[][][] }
    }
  }
}

/** Halves, quarters... of a pixel are exact in binary, so turning the origin around loses nothing. */
const PARTS = 256

function clean(value: number): string {
  return String(Math.round(value * PARTS) / PARTS || 0)
}

function writePoints(points: readonly PlanePoint[], rows: number): string {
  return points.map(([x, y]) => `${clean(x)} ${clean(rows - y)}`).join(', ')
}

/** Write a shape as WKT with the origin at the lower left; coordinates to 1/256 of a pixel. */
export function writeWkt(shape: Shape, rows: number): string {
  switch (shape.kind) {
    case 'point':
      return `POINT (${writePoints(shape.points.slice(0, 1), rows)})`
    case 'line':
      return `LINESTRING (${writePoints(shape.points, rows)})`
    case 'polygon': {
      const bodies = shape.polygons.map((rings) => `(${rings.map((ring) => `(${writePoints(ring, rows)})`).join(', ')})`)
      return bodies.length === 1 ? `POLYGON ${bodies[0] ?? ''}` : `MULTIPOLYGON (${bodies.join(', ')})`
    }
  }
}

/** Whether every vertex is on the plane. */
export function holdsShape(shape: Shape, rows: number, columns: number): boolean {
  const points = shape.kind === 'polygon' ? shape.polygons.flat(2) : shape.points
  return points.every(([x, y]) => x >= 0 && x <= columns && y >= 0 && y <= rows)
}

/** Keep every vertex on the plane. */
export function clampShape(shape: Shape, rows: number, columns: number): Shape {
  const clamp = ([x, y]: PlanePoint): PlanePoint => [
    Math.min(Math.max(x, 0), columns),
    Math.min(Math.max(y, 0), rows),
  ]
  if (shape.kind === 'polygon') {
    return { kind: 'polygon', polygons: shape.polygons.map((rings) => rings.map((ring) => ring.map(clamp))) }
  }
  return { kind: shape.kind, points: shape.points.map(clamp) }
}

/** Of how many separate polygons a drawing is made. */
export function countParts(wkt: string): number {
  const shape = parseWkt(wkt, 0)
  return shape?.kind === 'polygon' ? shape.polygons.length : 1
}

/** Whether a polygon is one upright rectangle. */
export function isRectangle(shape: Shape): boolean {
  const ring = shape.kind === 'polygon' && shape.polygons.length === 1 ? shape.polygons[0]?.[0] : undefined
  if (ring === undefined || ring.length !== 5) return false
  const xs = new Set(ring.map(([x]) => x))
  const ys = new Set(ring.map(([, y]) => y))
  const diagonal = ring[0]?.[0] !== ring[2]?.[0] && ring[0]?.[1] !== ring[2]?.[1]
  return xs.size === 2 && ys.size === 2 && diagonal
}
