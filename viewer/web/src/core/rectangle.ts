import type { Spot } from '@/core/corners'

/** Whether a closed ring is a rectangle whose edges run along the axes. */
export function isUpright(ring: readonly Spot[]): boolean {
  const [a, b, c, d, e] = ring
  if (ring.length !== 5 || a === undefined || b === undefined || c === undefined || d === undefined || e === undefined) return false
  const along = (one: 0 | 1, other: 0 | 1): boolean =>
    a[one] === b[one] && b[other] === c[other] && c[one] === d[one] && d[other] === a[other]
  return a[0] !== c[0] && a[1] !== c[1] && (along(0, 1) || along(1, 0))
}

/** The upright rectangle whose corner was dragged there while the opposite one stays. */
export function dragCorner(ring: readonly Spot[], corner: number, to: Spot): Spot[] {
  const from = ring[corner] ?? to
  return ring.map(([x, y]): Spot => [x === from[0] ? to[0] : x, y === from[1] ? to[1] : y])
}
