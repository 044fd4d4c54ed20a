/** On the screen or on the map: (x, y). */
export type Spot = readonly [number, number]

/** A click: where, in screen pixels, and when, in milliseconds. */
export interface Click {
  readonly at: Spot
  readonly moment: number
}

/** What a click does to a polygon under way. */
export type ClickMeaning = 'add' | 'finish' | 'nothing'

/** Screen pixels around the first corner that close the polygon; the target is drawn as large. */
export const TARGET = 7
/** Fewer corners enclose nothing. */
export const LEAST = 3
const DOUBLE_SPAN = 350
const DOUBLE_REACH = 2
const SAME = 1

export function apart([ax, ay]: Spot, [bx, by]: Spot): number {
  return Math.hypot(ax - bx, ay - by)
}

/** Whether two clicks are at one place, so that a double click of the browser was one of the hand. */
export function isTogether(click: Click, previous: Click | null): boolean {
  return previous !== null && apart(click.at, previous.at) <= DOUBLE_REACH
}

/** Whether a place is on the first corner of a polygon that may be closed. */
export function isOnTarget(at: Spot, corners: readonly Spot[]): boolean {
  const first = corners[0]
  return first !== undefined && corners.length >= LEAST && apart(at, first) <= TARGET
}

/** What a click means; `corners` are those of the polygon under way, in screen pixels. */
export function meaningOf(click: Click, previous: Click | null, corners: readonly Spot[]): ClickMeaning {
  const double = isTogether(click, previous) && click.moment - (previous?.moment ?? 0) <= DOUBLE_SPAN
  const last = corners.at(-1)
  // A third fast click would begin the next polygon where this one was closed.
  if (last === undefined) return double ? 'nothing' : 'add'
  if (double || isOnTarget(click.at, corners)) return 'finish'
  return apart(click.at, last) <= SAME ? 'nothing' : 'add'
}

/** The corners of a polygon under way; the last ones can be taken back and put again. */
export class Corners {
  private placed: Spot[] = []
  private back: Spot[] = []

  get all(): readonly Spot[] {
    return this.placed
  }

  /** How many can be put again. */
  get taken(): number {
    return this.back.length
  }

  add(corner: Spot): void {
    this.placed.push(corner)
    this.back = []
  }

  takeBack(): void {
    const last = this.placed.pop()
    if (last !== undefined) this.back.push(last)
  }

  putBack(): void {
    const last = this.back.pop()
    if (last !== undefined) this.placed.push(last)
  }

  clear(): void {
    this.placed = []
    this.back = []
  }
}
