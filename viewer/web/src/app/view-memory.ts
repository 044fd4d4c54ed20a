import type { Axis, Vector, Window } from '@/domain/image'

/** How many planes are shown, and how large. */
export type Layout = 'main' | 'row' | 'single'

/** How an image was looked at; kept as long as the tab is, so that a reload changes nothing. */
export interface View {
  readonly position: Vector
  readonly active: Axis
  readonly main: Axis
  readonly layout: Layout
  readonly window: Window | null
  readonly preset: string | null
  readonly inverted: boolean
}

const VERSION = 1

function keyOf(image: number): string {
  return `imaging-view-${image}`
}

export function rememberView(image: number, view: View): void {
  try {
    sessionStorage.setItem(keyOf(image), JSON.stringify({ version: VERSION, view }))
  } catch {
    // A full or forbidden storage costs the comfort only.
  }
}

/** Whose choice of a term it is: browsers are shared, and so are projects. */
export interface Chooser {
  readonly member: number | null
  readonly project: number
}

function termKeyOf({ member, project }: Chooser): string {
  return `imaging-term-${member ?? 'nobody'}-${project}`
}

/** Keep the chosen term of a member in a project, for every tab and also when the browser was closed. */
export function rememberTerm(chooser: Chooser, term: number | null): void {
  try {
    if (term === null) localStorage.removeItem(termKeyOf(chooser))
    else localStorage.setItem(termKeyOf(chooser), String(term))
  } catch {
    // As above.
  }
}

/** The term that a member chose last in a project. */
export function recallTerm(chooser: Chooser): number | null {
  try {
    const kept = localStorage.getItem(termKeyOf(chooser))
    return kept === null || !/^\d+$/.test(kept) ? null : Number(kept)
  } catch {
    return null
  }
}

/** The last view of an image in this tab, if there is one. */
export function recallView(image: number): View | null {
  try {
    const kept = JSON.parse(sessionStorage.getItem(keyOf(image)) ?? 'null') as { version: number; view: View } | null
    return kept !== null && kept.version === VERSION ? kept.view : null
  } catch {
    return null
  }
}
