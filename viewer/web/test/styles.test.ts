import { MultiPolygon } from 'ol/geom'
import type { Polygon } from 'ol/geom'
import { expect, test } from 'vitest'
import { stylesFor } from '@/app/pane/styles'

const box = (x: number, side: number): number[][][] => [[[x, 0], [x + side, 0], [x + side, side], [x, side], [x, 0]]]
const LOOK = { colour: '#ff0000', opacity: 1, hand: 'member', selected: true, own: true, copy: false, editable: true, caption: '29 mm²' } as const

test('a drawing of several parts has one label, on its largest part', () => {
  const parts = new MultiPolygon([box(0, 2), box(10, 5), box(20, 1)])
  const labels = stylesFor(LOOK, parts).filter((style) => style.getText() !== null)
  expect(labels.length).toBe(1)
  expect((labels[0]?.getGeometry() as Polygon).getCoordinates()).toEqual(box(10, 5))
})

test('a reviewed copy has a border of its own around a line as strong as that of one\'s own', () => {
  const parts = new MultiPolygon([box(0, 2)])
  const strokes = (copy: boolean): (unknown)[] => stylesFor({ ...LOOK, own: !copy, copy }, parts).slice(0, 2).map((style) => style.getStroke()?.getColor())
  expect(strokes(true)[0]).not.toBe(strokes(false)[0])
  expect(strokes(true)[1]).toBe(strokes(false)[1])
})

test('a drawing of somebody else has a thinner line, and no handles where it may not be changed', () => {
  const parts = new MultiPolygon([box(0, 2)])
  const width = (own: boolean): number => stylesFor({ ...LOOK, own }, parts)[1]?.getStroke()?.getWidth() ?? 0
  expect(width(false)).toBeLessThan(width(true))
  expect(stylesFor({ ...LOOK, editable: false }, parts).length).toBe(stylesFor(LOOK, parts).length - 1)
})
