import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseImage } from '@/api/parse'
import type { Affine, Axis, Vector } from '@/domain/image'
import { bodyLetters, placeOf, planeNames, voxelToWorld } from '@/geometry/affine'
import { frameOf, planePointOf, turnOf, voxelAt } from '@/geometry/frame'
import type { PlanePoint } from '@/geometry/frame'
import { areaOf, lengthOf, roundLength } from '@/geometry/measure'
import { clampShape, isRectangle, parseWkt, writeWkt } from '@/geometry/wkt'
import type { Shape } from '@/geometry/wkt'

/** Columns are the LPS steps of z, y, x. */
function affineOf(z: Vector, y: Vector, x: Vector, origin: Vector): Affine {
  return [0, 1, 2].map((row) => [z[row] ?? 0, y[row] ?? 0, x[row] ?? 0, origin[row] ?? 0]).concat([[0, 0, 0, 1]])
}

const SUPINE = affineOf([0, 0, 5], [0, 0.7, 0], [0.5, 0, 0], [-100, -120, 30])
const axial = {
  axes: 'zyx', shape: [20, 40, 60], affine: SUPINE, spacing: [5, 0.7, 0.5] as const, oriented: true, regular: true,
}

describe('affine', () => {
  test('a voxel lies where its steps from the first one lead', () => {
    expect(voxelToWorld(SUPINE, [0, 0, 0])).toEqual([-100, -120, 30])
    expect(voxelToWorld(SUPINE, [2, 10, 4])).toEqual([-98, -113, 40])
  })

  test('a voxel of uneven planes lies where the header puts its plane', () => {
    const positions: Vector[] = [[-100, -120, 30], [-100, -120, 35], [-99, -118, 50]]
    const uneven = { affine: SUPINE, positions }
    expect(placeOf(uneven, [1, 0, 0])).toEqual([-100, -120, 35])
    expect(placeOf(uneven, [2, 10, 4])).toEqual([-97, -111, 50])
    expect(placeOf({ ...uneven, positions: [] }, [2, 10, 4])).toEqual(voxelToWorld(SUPINE, [2, 10, 4]))
  })

  test('lengths across uneven planes are no more than approximate', () => {
    expect((['z', 'y', 'x'] as const).map((axis) => frameOf({ ...axial, regular: false }, axis).even)).toEqual([true, false, false])
    expect(frameOf(axial, 'y').even).toBe(true)
  })

  test('planes are named after the body axis that they cut', () => {
    expect(planeNames(SUPINE)).toEqual({ z: 'axial', y: 'coronal', x: 'sagittal' })
    const sagittal = affineOf([4, 0, 0], [0, 0, -1], [0, 1, 0], [0, 0, 0])
    expect(planeNames(sagittal)).toEqual({ z: 'sagittal', y: 'axial', x: 'coronal' })
  })

  test('every rotation gives each name once', () => {
    const angle = fc.double({ min: -3.2, max: 3.2, noNaN: true })
    fc.assert(
      fc.property(angle, angle, angle, (a, b, c) => {
        const names = Object.values(planeNames(rotated(a, b, c)))
        expect([...names].sort()).toEqual(['axial', 'coronal', 'sagittal'])
      }),
    )
  })

  test('letters name the side that a direction points to', () => {
    expect(bodyLetters([1, 0, 0])).toBe('L')
    expect(bodyLetters([0, -2, 0])).toBe('A')
    expect(bodyLetters([0, 0, -1])).toBe('I')
    expect(bodyLetters([-0.8, 0, 0.6])).toBe('RS')
  })
})

function rotated(a: number, b: number, c: number): Affine {
  const [ca, sa, cb, sb, cc, sc] = [Math.cos(a), Math.sin(a), Math.cos(b), Math.sin(b), Math.cos(c), Math.sin(c)]
  const x: Vector = [ca * cb, sa * cb, -sb]
  const y: Vector = [ca * sb * sc - sa * cc, sa * sb * sc + ca * cc, cb * sc]
  const z: Vector = [ca * sb * cc + sa * sc, sa * sb * cc - ca * sc, cb * cc]
  return affineOf(z, y, x, [1, 2, 3])
}

describe('frame', () => {
  test('an axial plane lies as stored, right of the body on the left', () => {
    const frame = frameOf(axial, 'z')
    expect(frame.letters).toEqual({ left: 'R', right: 'L', top: 'A', bottom: 'P' })
    expect(frame.toMap([0, 0])).toEqual([0, frame.height])
    expect(frame.width).toBeCloseTo(30)
    expect(frame.height).toBeCloseTo(28)
  })

  test('coronal and sagittal planes show the head above', () => {
    expect(frameOf(axial, 'y').letters).toEqual({ left: 'R', right: 'L', top: 'S', bottom: 'I' })
    expect(frameOf(axial, 'x').letters).toEqual({ left: 'A', right: 'P', top: 'S', bottom: 'I' })
    // z grows towards the head, so row 0 is at the bottom.
    expect(frameOf(axial, 'y').toMap([0, 0])).toEqual([0, 0])
  })

  test('a picture of a plane as stored is turned as the viewer turns the plane', () => {
    expect(turnOf(frameOf(axial, 'z'))).toEqual([1, 0, 0, 1])
    // NIfTI stores rows from back to front and columns from right to left or left to right.
    expect(turnOf(frameOf({ ...axial, affine: affineOf([0, 0, 5], [0, -0.7, 0], [0.5, 0, 0], [0, 0, 0]) }, 'z'))).toEqual([1, 0, 0, -1])
    expect(turnOf(frameOf({ ...axial, affine: affineOf([0, 0, 5], [0, -0.7, 0], [-0.5, 0, 0], [0, 0, 0]) }, 'z'))).toEqual([-1, 0, 0, -1])
    // Rows to the left and columns to the back lie on their side.
    expect(turnOf(frameOf({ ...axial, affine: affineOf([0, 0, 5], [0.7, 0, 0], [0, 0.5, 0], [0, 0, 0]) }, 'z'))).toEqual([0, 1, 1, 0])
    expect(turnOf(frameOf({ ...axial, oriented: false, affine: affineOf([0, 0, 5], [0, -0.7, 0], [-0.5, 0, 0], [0, 0, 0]) }, 'z'))).toEqual([1, 0, 0, 1])
  })

  test('a picture without orientation is shown as stored and has no letters', () => {
    const frame = frameOf({ ...axial, shape: [1, 40, 60], spacing: [null, null, null], oriented: false }, 'z')
    expect(frame.letters).toBeNull()
    expect(frame.calibrated).toBe(false)
    expect([frame.width, frame.height]).toEqual([60, 40])
  })

  test('an image of a list, which gives no positions, is framed as the same image by itself', () => {
    const imaging = { axes: 'zyx', shape: [4, 40, 60], spacing_mm: [1, 1, 1], affine_lps: affineOf([0, 0, 1], [0, -1, 0], [1, 0, 0], [0, 0, 0]) }
    for (const positions of [[], [[0, 0, 0], [0, 0, 1], [0, 0, 2], [0, 0, 3]]]) {
      expect(turnOf(frameOf(parseImage({ imaging: { ...imaging, positions_lps: positions } }), 'z'))).toEqual([1, 0, 0, -1])
    }
  })

  test('a calibrated image that is not placed in the patient has no letters', () => {
    const imaging = { axes: 'zyx', shape: [1, 40, 60], spacing_mm: [null, 0.2, 0.2], positions_lps: [[0, 0, 0]] }
    for (const placed of [true, false]) {
      const frame = frameOf(parseImage({ imaging: { ...imaging, placed } }), 'z')
      expect([frame.letters !== null, frame.calibrated]).toEqual([placed, true])
    }
  })

  test('plane to screen and back is the identity, and letters are opposite, for any orientation', () => {
    const angle = fc.double({ min: -3.2, max: 3.2, noNaN: true })
    const axis = fc.constantFrom<Axis>('z', 'y', 'x')
    fc.assert(
      fc.property(angle, angle, angle, axis, fc.double({ min: 0, max: 20, noNaN: true }), (a, b, c, fixed, at) => {
        const frame = frameOf({ ...axial, affine: rotated(a, b, c) }, fixed)
        const [x, y] = frame.toPlane(frame.toMap([at, at / 2]))
        expect(Math.hypot(x - at, y - at / 2)).toBeLessThan(1e-9)
        const corner = frame.toMap([frame.columns, frame.rows])
        expect(corner.every((value) => value > -1e-9)).toBe(true)
        expect(frame.letters?.left).not.toBe(frame.letters?.right)
      }),
    )
  })

  test('the voxel at the middle of an element is that element', () => {
    for (const fixed of ['z', 'y', 'x'] as const) {
      const frame = frameOf(axial, fixed)
      const voxel: Vector = [3, 7, 11]
      const index = { z: 3, y: 7, x: 11 }[fixed]
      expect(voxelAt(frame, index, planePointOf(fixed, voxel))).toEqual(voxel)
    }
    expect(voxelAt(frameOf(axial, 'z'), 0, [-0.1, 3])).toBeNull()
    expect(voxelAt(frameOf(axial, 'z'), 0, [60, 3])).toBeNull()
  })
})

describe('WKT', () => {
  test('the origin is lower left outside and top left inside', () => {
    expect(parseWkt('POINT (1.5 2)', 10)).toEqual({ kind: 'point', points: [[1.5, 8]] })
    expect(writeWkt({ kind: 'line', points: [[0, 0], [4, 10]] }, 10)).toBe('LINESTRING (0 10, 4 0)')
  })

  test('what is written is read back exactly', () => {
    const part = fc.integer({ min: 0, max: 512 * 256 }).map((value) => value / 256)
    const ring = fc.array(fc.tuple(part, part), { minLength: 3, maxLength: 20 })
    fc.assert(
      fc.property(ring, fc.integer({ min: 1, max: 5000 }), (points, rows) => {
        const closed = [...points, points[0] as PlanePoint]
        const shape: Shape = { kind: 'polygon', polygons: [[closed]] }
        expect(parseWkt(writeWkt(shape, rows), rows)).toEqual(shape)
      }),
    )
  })

  test('holes and several polygons are kept', () => {
    const wkt = 'MULTIPOLYGON (((0 0, 4 0, 4 4, 0 0), (1 1, 2 1, 2 2, 1 1)), ((6 6, 8 6, 8 8, 6 6)))'
    const shape = parseWkt(wkt, 10)
    expect(shape?.kind === 'polygon' && shape.polygons.map((rings) => rings.length)).toEqual([2, 1])
    expect(shape && writeWkt(shape, 10)).toBe(wkt)
  })

  test('anything else is refused', () => {
    for (const wkt of ['', 'POINT (a b)', 'CIRCLE (1 2)', 'LINESTRING (1 1)', 'POLYGON ((1 1, 2 2))', 'POINT (1 2 3)']) {
      expect(parseWkt(wkt, 10)).toBeNull()
    }
  })

  test('vertices outside are brought to the edge', () => {
    const shape = clampShape({ kind: 'line', points: [[-5, 3], [70, 50]] }, 40, 60)
    expect(shape).toEqual({ kind: 'line', points: [[0, 3], [60, 40]] })
  })

  test('a rectangle is told from another quadrangle', () => {
    const rectangle = parseWkt('POLYGON ((0 0, 4 0, 4 3, 0 3, 0 0))', 10)
    const kite = parseWkt('POLYGON ((0 0, 4 1, 4 3, 0 3, 0 0))', 10)
    expect(rectangle && isRectangle(rectangle)).toBe(true)
    expect(kite && isRectangle(kite)).toBe(false)
  })
})

describe('measures', () => {
  const steps = { rowStep: 1, columnStep: 0.5 }

  test('lengths and areas are exact where rows and columns differ', () => {
    expect(lengthOf({ kind: 'line', points: [[0, 0], [6, 4]] }, steps)).toBeCloseTo(5, 12)
    const square = parseWkt('POLYGON ((0 0, 4 0, 4 4, 0 4, 0 0), (1 1, 2 1, 2 2, 1 2, 1 1))', 10)
    expect(square && areaOf(square, steps)).toBeCloseTo(7.5, 12)
  })

  test('a scale bar has a round length that fits', () => {
    expect([roundLength(7), roundLength(49), roundLength(0.13), roundLength(1000)]).toEqual([5, 20, 0.1, 1000])
    expect(roundLength(0)).toBe(0)
  })
})
