import fc from 'fast-check'
import { Polygon } from 'ol/geom'
import { expect, test } from 'vitest'
import { keepRectangle } from '@/app/pane/rectangle'
import { dragCorner, isUpright } from '@/core/rectangle'
import type { Spot } from '@/core/corners'

const RING: readonly Spot[] = [[0, 0], [10, 0], [10, 6], [0, 6], [0, 0]]

test('a dragged corner keeps the rectangle and the opposite corner', () => {
  expect(dragCorner(RING, 2, [20, 8])).toEqual([[0, 0], [20, 0], [20, 8], [0, 8], [0, 0]])
  expect(dragCorner(RING, 0, [-1, -2])).toEqual([[-1, -2], [10, -2], [10, 6], [-1, 6], [-1, -2]])
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 20, max: 99 }), fc.integer({ min: 20, max: 99 }), (corner, x, y) => {
      const ring = dragCorner(RING, corner, [x, y])
      expect([isUpright(ring), ring[corner], ring[(corner + 2) % 4]]).toEqual([true, [x, y], RING[(corner + 2) % 4]])
    }),
  )
})

test('what is no upright rectangle is known', () => {
  expect(isUpright(RING)).toBe(true)
  expect(isUpright([...RING].reverse())).toBe(true)
  expect(isUpright([[0, 0], [10, 1], [10, 6], [0, 6], [0, 0]])).toBe(false)
  expect(isUpright([[0, 0], [10, 0], [10, 6], [0, 0]])).toBe(false)
  expect(isUpright([[0, 0], [0, 0], [10, 6], [10, 6], [0, 0]])).toBe(false)
})

test('a rectangle whose corner is moved stays one until it is let go', () => {
  const polygon = new Polygon([RING.map((corner) => [...corner])])
  const letGo = keepRectangle(polygon)
  const move = (x: number, y: number): void => {
    const [ring = []] = polygon.getCoordinates()
    ring[2] = [x, y]
    polygon.setCoordinates([ring])
  }
  move(12, 9)
  move(13, 4)
  expect(polygon.getCoordinates()).toEqual([[[0, 0], [13, 0], [13, 4], [0, 4], [0, 0]]])
  letGo()
  move(20, 20)
  expect(polygon.getCoordinates()[0]?.[1]).toEqual([13, 0])
})

test('a new corner on an edge and any other shape are free', () => {
  const polygon = new Polygon([RING.map((corner) => [...corner])])
  keepRectangle(polygon)
  const more = [[0, 0], [5, -3], [10, 0], [10, 6], [0, 6], [0, 0]]
  polygon.setCoordinates([more])
  expect(polygon.getCoordinates()).toEqual([more])
  const triangle = new Polygon([[[0, 0], [10, 0], [5, 6], [0, 0]]])
  keepRectangle(triangle)
  triangle.setCoordinates([[[0, 0], [10, 0], [7, 9], [0, 0]]])
  expect(triangle.getCoordinates()).toEqual([[[0, 0], [10, 0], [7, 9], [0, 0]]])
})
