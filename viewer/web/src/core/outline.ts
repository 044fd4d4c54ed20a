import type { Plane } from '@/core/plane'

/** A closed line along the borders of elements, as x, y, x, y... in elements; straight runs are one step. */
export type Loop = readonly number[]

interface Box {
  top: number
  left: number
  bottom: number
  right: number
}

const RIGHT = 0
const DOWN = 1
const LEFT = 2
const UP = 3
const ACROSS = [1, 0, -1, 0] as const
const ALONG = [0, 1, 0, -1] as const

function findBoxes({ rows, columns, channels }: Plane): Map<number, Box> {
  const labels = channels[0] ?? new Uint16Array(0)
  const boxes = new Map<number, Box>()
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const value = labels[row * columns + column] ?? 0
      if (value === 0) continue
      const box = boxes.get(value)
      if (box === undefined) {
        boxes.set(value, { top: row, left: column, bottom: row, right: column })
        continue
      }
      box.bottom = row
      if (column < box.left) box.left = column
      if (column > box.right) box.right = column
    }
  }
  return boxes
}

/** The borders of one value, each a bit of the corner where it starts; the value lies on its right. */
function findBorders({ rows, columns, channels }: Plane, value: number, { top, left, bottom, right }: Box): Uint8Array {
  const labels = channels[0] ?? new Uint16Array(0)
  const corners = new Uint8Array((rows + 1) * (columns + 1))
  const wide = columns + 1
  for (let row = top; row <= bottom; row += 1) {
    for (let column = left; column <= right; column += 1) {
      const place = row * columns + column
      if (labels[place] !== value) continue
      const corner = row * wide + column
      if (row === 0 || labels[place - columns] !== value) corners[corner]! |= 1 << RIGHT
      if (column === columns - 1 || labels[place + 1] !== value) corners[corner + 1]! |= 1 << DOWN
      if (row === rows - 1 || labels[place + columns] !== value) corners[corner + wide + 1]! |= 1 << LEFT
      if (column === 0 || labels[place - 1] !== value) corners[corner + wide]! |= 1 << UP
    }
  }
  return corners
}

/** Follow the borders from one corner until they come back to it, taking them away. */
function follow(corners: Uint8Array, wide: number, start: number): Loop {
  const loop: number[] = []
  let corner = start
  let heading = -1
  do {
    const open = corners[corner] ?? 0
    // Where two elements touch by a corner only, the sharpest right turn keeps them apart.
    const turn = [1, 0, 3, 2].find((step) => open & (1 << ((heading + step) & 3)))
    const next = heading < 0 ? 31 - Math.clz32(open & -open) : (heading + (turn ?? 0)) & 3
    corners[corner] = open & ~(1 << next)
    if (next !== heading) loop.push(corner % wide, Math.floor(corner / wide))
    heading = next
    corner += (ALONG[next] ?? 0) * wide + (ACROSS[next] ?? 0)
  } while (corner !== start)
  return loop
}

/** The outlines of every value of a plane of a segmentation; 0 is no value. */
export function traceOutlines(plane: Plane): Map<number, readonly Loop[]> {
  const wide = plane.columns + 1
  const found = new Map<number, readonly Loop[]>()
  for (const [value, box] of findBoxes(plane)) {
    const corners = findBorders(plane, value, box)
    const loops: Loop[] = []
    for (let row = box.top; row <= box.bottom + 1; row += 1) {
      for (let column = box.left; column <= box.right + 1; column += 1) {
        const corner = row * wide + column
        while (corners[corner] !== 0) loops.push(follow(corners, wide, corner))
      }
    }
    found.set(value, loops)
  }
  return found
}
