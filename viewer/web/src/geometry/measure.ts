import type { PlanePoint } from '@/geometry/frame'
import type { Shape } from '@/geometry/wkt'

/** Steps of one element: mm, or 1 where the plane is not calibrated. */
export interface Steps {
  readonly rowStep: number
  readonly columnStep: number
}

function pathLength(points: readonly PlanePoint[], { rowStep, columnStep }: Steps): number {
  let length = 0
  for (let place = 1; place < points.length; place += 1) {
    const [from, to] = [points[place - 1] as PlanePoint, points[place] as PlanePoint]
    length += Math.hypot((to[0] - from[0]) * columnStep, (to[1] - from[1]) * rowStep)
  }
  return length
}

function ringArea(ring: readonly PlanePoint[]): number {
  let twice = 0
  for (let place = 1; place < ring.length; place += 1) {
    const [from, to] = [ring[place - 1] as PlanePoint, ring[place] as PlanePoint]
    twice += from[0] * to[1] - to[0] * from[1]
  }
  return Math.abs(twice) / 2
}

/** Length of a line or of all edges of a polygon, exact where rows and columns differ in spacing. */
export function lengthOf(shape: Shape, steps: Steps): number {
  if (shape.kind === 'point') return 0
  if (shape.kind === 'line') return pathLength(shape.points, steps)
  return shape.polygons.flat().reduce((sum, ring) => sum + pathLength(ring, steps), 0)
}

/** Area of a polygon without its holes. */
export function areaOf(shape: Shape, steps: Steps): number {
  if (shape.kind !== 'polygon') return 0
  const elements = shape.polygons.reduce((sum, [outer, ...holes]) => {
    const holesArea = holes.reduce((total, hole) => total + ringArea(hole), 0)
    return sum + (outer === undefined ? 0 : ringArea(outer) - holesArea)
  }, 0)
  return elements * steps.rowStep * steps.columnStep
}

/** Whether a polygon encloses nothing to speak of: a slip of the hand. One that crosses itself may have a net area of 0. */
export function isSlip(shape: Shape): boolean {
  if (shape.kind !== 'polygon') return false
  const points = shape.polygons.flat(2)
  const side = (place: 0 | 1): number => {
    const values = points.map((point) => point[place])
    return Math.max(...values) - Math.min(...values)
  }
  return points.length < 4 || side(0) * side(1) < 1e-3
}

/** A round length of 1, 2 or 5 times a power of ten that fits into `available`. */
export function roundLength(available: number): number {
  if (!(available > 0)) return 0
  const power = 10 ** Math.floor(Math.log10(available))
  const factor = [5, 2, 1].find((candidate) => candidate * power <= available) ?? 1
  return factor * power
}
