import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteCache } from '@/core/cache'
import { buildLut, greyOf, percentiles, windowBetween, windowOfShares } from '@/core/lut'
import { traceOutlines } from '@/core/outline'
import { borderColour, paintFill, parseColour, writeColour } from '@/core/overlay'
import { Painter, realValue } from '@/core/paint'
import { storedFrom } from '@/core/plane'
import type { Plane, Stored } from '@/core/plane'

const PLAIN = { slope: 1, intercept: 0, padding: null }
const look = (center: number, width: number, inverted = false) => ({ window: { center, width }, inverted })
const grey = (pixel: number | undefined): number => (pixel ?? 0) & 0xff

function planeOf(channels: Stored[], columns: number, over: Partial<Plane> = {}): Plane {
  const rows = (channels[0]?.length ?? 0) / columns
  return { axis: 'z', index: 0, rows, columns, rowStep: 1, columnStep: 1, exact: true, channels, ...over }
}

describe('window', () => {
  test('the linear function of PS3.3 C.11.2.1.2.1 at its landmarks', () => {
    const window = { center: 2048, width: 4096 }
    expect(greyOf(0, window)).toBe(0)
    expect(greyOf(4095, window)).toBe(255)
    expect(greyOf(2048, window)).toBe(Math.round(((2048 - 2047.5) / 4095 + 0.5) * 255))
    expect(greyOf(-10, window)).toBe(0)
    expect(greyOf(9999, window)).toBe(255)
  })

  test('a window of width 1 is a step: black up to its edge, white above it', () => {
    const binary = { center: 0.5, width: 1 }
    expect([-1, 0, 0.1, 1].map((value) => greyOf(value, binary))).toEqual([0, 0, 255, 255])
    const lut = buildLut('uint8', look(0.5, 1), PLAIN)
    expect([grey(lut?.pixels[0]), grey(lut?.pixels[1])]).toEqual([0, 255])
    const inverted = buildLut('uint8', look(0.5, 1, true), PLAIN)
    expect([grey(inverted?.pixels[0]), grey(inverted?.pixels[1])]).toEqual([255, 0])
  })

  test('40 and 80 HU are 20 grey levels or more apart in soft tissue', () => {
    const window = { center: 40, width: 400 }
    expect(greyOf(80, window) - greyOf(40, window)).toBeGreaterThanOrEqual(20)
  })

  test('a table says the same as the function for every stored value', () => {
    const meaning = { slope: 1.5, intercept: -1024, padding: null }
    const lut = buildLut('int16', look(40, 400), meaning)
    for (const stored of [-32768, -1024, 0, 640, 709, 710, 900, 32767]) {
      expect(grey(lut?.pixels[stored + 32768])).toBe(greyOf(stored * 1.5 - 1024, { center: 40, width: 400 }))
    }
  })

  test('MONOCHROME1 shows low values bright, and padding black in both', () => {
    const meaning = { ...PLAIN, padding: { low: 0, high: 0 } }
    const lut = buildLut('uint8', look(128, 256, true), meaning)
    expect([grey(lut?.pixels[1]), grey(lut?.pixels[255]), grey(lut?.pixels[0])]).toEqual([254, 0, 0])
  })

  test('32-bit values have no table', () => {
    expect(buildLut('float32', look(0, 1), PLAIN)).toBeNull()
  })

  test('percentiles lie between the values', () => {
    expect(percentiles([4, 1, 3, 2, 5], [0, 50, 75, 100])).toEqual([1, 3, 4, 5])
    const window = windowBetween(10, 20)
    expect([greyOf(10, window), greyOf(20, window)]).toEqual([0, 255])
  })

  test('a mask of few voxels is white on black', () => {
    const window = windowOfShares([...Array<number>(999).fill(0), 1], [1, 99])
    expect([greyOf(0, window), greyOf(1, window)]).toEqual([0, 255])
    expect(windowOfShares([4, 1, 3, 2, 5], [25, 75])).toEqual(windowBetween(2, 4))
  })
})

describe('painting', () => {
  test('a plane goes through the table', () => {
    const painter = new Painter('int16', { slope: [1], intercept: [0], padding: null })
    const pixels = new Uint32Array(4)
    painter.paint(planeOf([Int16Array.of(-200, 40, 240, 999)], 2), look(40, 400), pixels)
    expect([...pixels].map(grey)).toEqual([-200, 40, 240, 999].map((value) => greyOf(value, { center: 40, width: 400 })))
    expect(pixels.every((pixel) => pixel >>> 24 === 255)).toBe(true)
  })

  test('planes across z use the slope of each row', () => {
    const rescaling = { slope: [1, 2], intercept: [0, 0], padding: null }
    const painter = new Painter('uint16', rescaling)
    const pixels = new Uint32Array(2)
    painter.paint(planeOf([Uint16Array.of(50, 50)], 1, { axis: 'y' }), look(128, 256), pixels)
    expect([...pixels].map(grey)).toEqual([50, 100])
    expect(realValue(rescaling, 1, 50)).toBe(100)
  })

  test('float values are painted without a table', () => {
    const painter = new Painter('float32', { slope: [1], intercept: [0], padding: null })
    const pixels = new Uint32Array(2)
    painter.paint(planeOf([Float32Array.of(-1, 1)], 2), look(0.5, 3), pixels)
    expect(grey(pixels[0])).toBe(0)
    expect(grey(pixels[1])).toBe(255)
  })

  test('three channels make colours', () => {
    const painter = new Painter('uint8', { slope: [1], intercept: [0], padding: null })
    const pixels = new Uint32Array(1)
    painter.paint(planeOf([Uint8Array.of(10), Uint8Array.of(20), Uint8Array.of(30)], 1), look(128, 256), pixels)
    expect(pixels[0]).toBe(0xff1e140a)
  })

  test('stored bytes become numbers of their type', () => {
    expect([...storedFrom(Uint8Array.of(0xff, 0xff, 1, 0).buffer, 'int16')]).toEqual([-1, 1])
    expect(() => storedFrom(new ArrayBuffer(8), 'complex64')).toThrow(RangeError)
  })
})

describe('overlay', () => {
  const SQUARE = Uint16Array.from([0, 0, 0, 0, 0, 0, 7, 7, 7, 0, 0, 7, 7, 7, 0, 0, 7, 7, 7, 0, 0, 0, 0, 0, 0])

  test('what people drew lets the picture through everywhere, what a model found has no fill', () => {
    const palette = new Map([[7, parseColour('#ff8000')]])
    const pixels = new Uint32Array(25)
    paintFill(planeOf([SQUARE], 5), palette, 'member', pixels)
    expect(pixels[0]).toBe(0)
    expect([6, 12].map((place) => (pixels[place] ?? 0) & 0xffffff)).toEqual([0x0080ff, 0x0080ff])
    expect(Math.max(...pixels.map((pixel) => pixel >>> 24))).toBeLessThan(96)
    paintFill(planeOf([SQUARE], 5), palette, 'model', pixels)
    expect(Math.max(...pixels.map((pixel) => pixel >>> 24))).toBe(0)
  })

  test('a value without colour is not filled', () => {
    const pixels = new Uint32Array(1)
    paintFill(planeOf([Uint16Array.of(3)], 1), new Map(), 'member', pixels)
    expect(pixels[0]).toBe(0)
  })

  test('colours are written as they are read', () => {
    expect(writeColour(parseColour('#12ab0f'))).toBe('#12ab0f')
    expect(borderColour(parseColour('#e00040'), 'member')).toBe('#e00040')
    expect(borderColour(parseColour('#e00040'), 'model')).toBe('#ef7f9f')
  })

  test('an outline follows the border of the voxels, straight runs in one step', () => {
    expect([...traceOutlines(planeOf([SQUARE], 5))]).toEqual([[7, [[1, 1, 4, 1, 4, 4, 1, 4]]]])
  })

  test('a hole and touching corners have loops of their own', () => {
    const ring = traceOutlines(planeOf([Uint16Array.from([2, 2, 2, 2, 0, 2, 2, 2, 2])], 3)).get(2)
    expect(ring?.map((loop) => loop.length)).toEqual([8, 8])
    const corners = traceOutlines(planeOf([Uint16Array.from([2, 0, 0, 2])], 2)).get(2)
    expect(corners).toEqual([[0, 0, 1, 0, 1, 1, 0, 1], [1, 1, 2, 1, 2, 2, 1, 2]])
  })

  test('outlines enclose exactly the voxels, whatever their shape', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 30, maxLength: 30 }), (cells) => {
        const outlines = traceOutlines(planeOf([Uint16Array.from(cells)], 6))
        for (const value of [1, 2]) {
          const twice = (outlines.get(value) ?? []).reduce((sum, loop) => {
            let area = 0
            for (let at = 0; at < loop.length; at += 2) {
              const to = (at + 2) % loop.length
              area += (loop[at] ?? 0) * (loop[to + 1] ?? 0) - (loop[to] ?? 0) * (loop[at + 1] ?? 0)
            }
            return sum + area
          }, 0)
          expect(twice / 2).toBe(cells.filter((cell) => cell === value).length)
        }
      }),
    )
  })
})

test('the cache forgets what was used longest ago and keeps its budget', () => {
  const cache = new ByteCache<Uint8Array>(10, (value) => value.length)
  cache.set('a', new Uint8Array(4))
  cache.set('b', new Uint8Array(4))
  cache.get('a')
  cache.set('c', new Uint8Array(4))
  const lengths = (): (number | undefined)[] => ['a', 'b', 'c', 'huge'].map((key) => cache.get(key)?.length)
  expect(lengths()).toEqual([4, undefined, 4, undefined])
  cache.set('huge', new Uint8Array(40))
  expect(lengths()).toEqual([undefined, undefined, undefined, 40])
})
