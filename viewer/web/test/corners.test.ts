import { expect, test } from 'vitest'
import { Corners, LEAST, TARGET, meaningOf } from '@/core/corners'
import type { Click, Spot } from '@/core/corners'

const click = (x: number, y: number, moment: number): Click => ({ at: [x, y], moment })
const BOX: readonly Spot[] = [[0, 0], [100, 0], [100, 100]]
const LAST = click(100, 100, 1000)

test('a click near the last corner is one more corner, fast or slow', () => {
  for (const moment of [1100, 3000]) {
    for (const step of [3, 4, 8]) expect(meaningOf(click(100 - step, 100, moment), LAST, BOX)).toBe('add')
  }
})

test('two fast clicks at one place finish', () => {
  expect(meaningOf(click(101, 101, 1300), LAST, BOX)).toBe('finish')
  expect(meaningOf(click(102, 100, 1500), LAST, BOX)).toBe('add')
})

test('a slow click on the last corner adds nothing', () => {
  for (const step of [0, 1]) expect(meaningOf(click(100 + step, 100, 2000), LAST, BOX)).toBe('nothing')
})

test('a click on the first corner finishes once there are three corners', () => {
  expect(meaningOf(click(TARGET, 0, 2000), LAST, BOX)).toBe('finish')
  expect(meaningOf(click(TARGET + 1, 0, 2000), LAST, BOX)).toBe('add')
  expect(meaningOf(click(TARGET, 0, 2000), LAST, BOX.slice(0, LEAST - 1))).toBe('add')
})

test('a third fast click does not begin another polygon', () => {
  expect(meaningOf(click(100, 100, 1200), LAST, [])).toBe('nothing')
  expect(meaningOf(click(100, 100, 2000), LAST, [])).toBe('add')
  expect(meaningOf(click(0, 0, 0), null, [])).toBe('add')
})

test('corners are taken back one by one and put again until another is placed', () => {
  const corners = new Corners()
  for (const corner of BOX) corners.add(corner)
  corners.takeBack()
  corners.takeBack()
  expect([corners.all, corners.taken]).toEqual([[[0, 0]], 2])
  corners.putBack()
  expect([corners.all, corners.taken]).toEqual([[[0, 0], [100, 0]], 1])
  corners.add([5, 5])
  corners.putBack()
  expect([corners.all, corners.taken]).toEqual([[[0, 0], [100, 0], [5, 5]], 0])
  for (let step = 0; step < 5; step += 1) corners.takeBack()
  expect([corners.all, corners.taken]).toEqual([[], 3])
})
