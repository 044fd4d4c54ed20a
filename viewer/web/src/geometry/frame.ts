import type { Axis, Image, Vector } from '@/domain/image'
import { extent, planeAxes } from '@/domain/image'
import { bodyLetters, direction, dot, planeNames } from '@/geometry/affine'
import type { PlaneName } from '@/geometry/affine'

/** x to the right and y down, in elements of the plane: element (r, c) covers [c, c+1] x [r, r+1]. */
export type PlanePoint = readonly [number, number]
/** x to the right and y up on the screen, in mm (or pixels where there is no spacing). */
export type MapPoint = readonly [number, number]

export interface Letters {
  readonly left: string
  readonly right: string
  readonly top: string
  readonly bottom: string
}

/** Screen right and screen up of the radiological convention, in LPS. */
const CONVENTION: Record<PlaneName, readonly [Vector, Vector]> = {
  axial: [[1, 0, 0], [0, -1, 0]],
  coronal: [[1, 0, 0], [0, 0, 1]],
  sagittal: [[0, 1, 0], [0, 0, 1]],
}

/**
 * How one plane of an image lies on the screen.
 *
 * Arrays are never flipped: the frame only says how plane elements and screen positions correspond, so that R is on
 * the left of axial and coronal planes and S on top, whatever way the volume was acquired.
 */
export interface PlaneFrame {
  readonly axis: Axis
  readonly name: PlaneName | null
  readonly rows: number
  readonly columns: number
  /** mm per element along rows and columns; 1 where there is none. */
  readonly rowStep: number
  readonly columnStep: number
  readonly calibrated: boolean
  /** Whether equal steps on the plane are equal lengths: not across planes that are unevenly spaced. */
  readonly even: boolean
  readonly width: number
  readonly height: number
  readonly letters: Letters | null
  toMap(point: PlanePoint): MapPoint
  toPlane(point: MapPoint): PlanePoint
}

interface Placement {
  readonly transpose: boolean
  readonly flipX: boolean
  readonly flipY: boolean
}

const AS_STORED: Placement = { transpose: false, flipX: false, flipY: false }

function placementOf(name: PlaneName, row: Vector, column: Vector): Placement {
  const [right, up] = CONVENTION[name]
  const straight = Math.abs(dot(column, right)) + Math.abs(dot(row, up))
  const turned = Math.abs(dot(row, right)) + Math.abs(dot(column, up))
  const transpose = turned > straight + 1e-9
  const across = transpose ? row : column
  const down = transpose ? column : row
  return { transpose, flipX: dot(across, right) < 0, flipY: dot(down, up) > 0 }
}

function negate(v: Vector): Vector {
  return [-v[0], -v[1], -v[2]]
}

function lettersOf(row: Vector, column: Vector, placement: Placement): Letters {
  const across = placement.transpose ? row : column
  const down = placement.transpose ? column : row
  const right = placement.flipX ? negate(across) : across
  const bottom = placement.flipY ? negate(down) : down
  return {
    right: bodyLetters(right),
    left: bodyLetters(negate(right)),
    bottom: bodyLetters(bottom),
    top: bodyLetters(negate(bottom)),
  }
}

type Framed = Pick<Image, 'axes' | 'shape' | 'affine' | 'spacing' | 'oriented' | 'regular'>

/** Build the frame of the plane that holds `axis` fixed. */
export function frameOf(image: Framed, axis: Axis): PlaneFrame {
  const [rowAxis, columnAxis] = planeAxes(axis)
  const [rows, columns] = [extent(image, rowAxis), extent(image, columnAxis)]
  const spacing = { z: image.spacing[0], y: image.spacing[1], x: image.spacing[2] }
  const [rowMm, columnMm] = [spacing[rowAxis], spacing[columnAxis]]
  const calibrated = rowMm !== null && columnMm !== null
  const rowStep = calibrated ? rowMm : 1
  const columnStep = calibrated ? columnMm : 1
  const name = image.oriented ? planeNames(image.affine)[axis] : null
  const row = direction(image.affine, rowAxis)
  const column = direction(image.affine, columnAxis)
  const placement = name === null ? AS_STORED : placementOf(name, row, column)
  const { transpose, flipX, flipY } = placement
  const width = transpose ? rows * rowStep : columns * columnStep
  const height = transpose ? columns * columnStep : rows * rowStep

  const toMap = ([x, y]: PlanePoint): MapPoint => {
    const across = transpose ? y * rowStep : x * columnStep
    const down = transpose ? x * columnStep : y * rowStep
    return [flipX ? width - across : across, flipY ? down : height - down]
  }
  const toPlane = ([mapX, mapY]: MapPoint): PlanePoint => {
    const across = flipX ? width - mapX : mapX
    const down = flipY ? mapY : height - mapY
    return transpose ? [down / columnStep, across / rowStep] : [across / columnStep, down / rowStep]
  }
  return {
    axis,
    name,
    rows,
    columns,
    rowStep,
    columnStep,
    calibrated,
    even: image.regular || axis === 'z',
    width,
    height,
    letters: name === null ? null : lettersOf(row, column, placement),
    toMap,
    toPlane,
  }
}

/** How a picture of the plane as stored is turned and mirrored onto the screen: a, b, c, d of a CSS matrix. */
export function turnOf(frame: PlaneFrame): readonly [number, number, number, number] {
  const [fromX, fromY] = frame.toMap([0, 0])
  const [acrossX, acrossY] = frame.toMap([1, 0])
  const [downX, downY] = frame.toMap([0, 1])
  // Up is up on the map; on the screen y grows downwards.
  return [Math.sign(acrossX - fromX), Math.sign(fromY - acrossY), Math.sign(downX - fromX), Math.sign(fromY - downY)]
}

/** The voxel (z, y, x) at a point of plane `index`, or null outside of it. */
export function voxelAt(frame: PlaneFrame, index: number, [x, y]: PlanePoint): Vector | null {
  const [c, r] = [Math.floor(x), Math.floor(y)]
  if (c < 0 || r < 0 || c >= frame.columns || r >= frame.rows) return null
  switch (frame.axis) {
    case 'z':
      return [index, r, c]
    case 'y':
      return [r, index, c]
    case 'x':
      return [r, c, index]
  }
}

/** Centre of a voxel on the plane that holds `axis` fixed. */
export function planePointOf(axis: Axis, [z, y, x]: Vector): PlanePoint {
  switch (axis) {
    case 'z':
      return [x + 0.5, y + 0.5]
    case 'y':
      return [x + 0.5, z + 0.5]
    case 'x':
      return [y + 0.5, z + 0.5]
  }
}
