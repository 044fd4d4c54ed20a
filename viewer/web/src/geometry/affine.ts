import { AXES } from '@/domain/image'
import type { Affine, Axis, Image, Vector } from '@/domain/image'

export type PlaneName = 'axial' | 'coronal' | 'sagittal'

/** LPS direction, in mm, of one step along a voxel axis. */
export function direction(affine: Affine, axis: Axis): Vector {
  const column = AXES.indexOf(axis)
  return [affine[0]?.[column] ?? 0, affine[1]?.[column] ?? 0, affine[2]?.[column] ?? 0]
}

/** Centre of voxel (z, y, x) in LPS mm. */
export function voxelToWorld(affine: Affine, voxel: Vector): Vector {
  const [z, y, x] = voxel
  const at = (row: number): number => {
    const [a = 0, b = 0, c = 0, d = 0] = affine[row] ?? []
    return a * z + b * y + c * x + d
  }
  return [at(0), at(1), at(2)]
}

/** Where a voxel (z, y, x) lies, LPS mm: by the position of its plane where planes are not evenly spaced. */
export function placeOf(image: Pick<Image, 'affine' | 'positions'>, [z, y, x]: Vector): Vector {
  const position = image.positions[Math.round(z)]
  if (position === undefined) return voxelToWorld(image.affine, [z, y, x])
  const [origin, inPlane] = [voxelToWorld(image.affine, [0, 0, 0]), voxelToWorld(image.affine, [0, y, x])]
  return [0, 1, 2].map((axis) => position[axis]! + inPlane[axis]! - origin[axis]!) as unknown as Vector
}

export function dot(a: Vector, b: Vector): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

export function unit(a: Vector): Vector {
  const length = Math.sqrt(dot(a, a))
  return length === 0 ? [0, 0, 0] : [a[0] / length, a[1] / length, a[2] / length]
}

const PERMUTATIONS: readonly (readonly [number, number, number])[] = [
  [0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0],
]

/** Names each plane after the body axis (S, A, L) that its fixed voxel axis is nearest to; each name once. */
export function planeNames(affine: Affine): Record<Axis, PlaneName> {
  const names: readonly PlaneName[] = ['sagittal', 'coronal', 'axial']
  const units = AXES.map((axis) => unit(direction(affine, axis)))
  let best: readonly number[] = [2, 1, 0]
  let bestSum = -1
  for (const order of PERMUTATIONS) {
    const sum = units.reduce((total, vector, place) => total + Math.abs(vector[order[place] ?? 0] ?? 0), 0)
    // A strict margin keeps the first of equals, so that an exact tie does not hang on rounding.
    if (sum > bestSum + 1e-9) {
      best = order
      bestSum = sum
    }
  }
  const name = (place: number): PlaneName => names[best[place] ?? 0] ?? 'axial'
  return { z: name(0), y: name(1), x: name(2) }
}

/** Letters of the body side a direction points to, strongest first; a second one where it is oblique. */
export function bodyLetters(vector: Vector): string {
  const [x, y, z] = unit(vector)
  const parts: (readonly [number, string])[] = [
    [Math.abs(x), x > 0 ? 'L' : 'R'],
    [Math.abs(y), y > 0 ? 'P' : 'A'],
    [Math.abs(z), z > 0 ? 'S' : 'I'],
  ]
  return parts
    .filter(([size]) => size > 0.35)
    .sort((a, b) => b[0] - a[0])
    .slice(0, 2)
    .map(([, letter]) => letter)
    .join('')
}
