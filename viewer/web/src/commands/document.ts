import type { Annotation } from '@/domain/annotation'

/** What an annotation was before and is after; null where it is absent. */
interface DrawingChange {
  readonly key: string
  readonly before: Annotation | null
  readonly after: Annotation | null
}

/** Whether the whole image had a term before and has it after. */
export interface TermChange {
  readonly key: string
  readonly term: number
  readonly before: boolean
  readonly after: boolean
}

/** Whether there was a reviewed copy before and is after. */
export interface VerdictChange {
  readonly key: string
  readonly copy: Annotation
  readonly before: boolean
  readonly after: boolean
}

/** One reversible step. */
export type Change = DrawingChange | TermChange | VerdictChange

export type Drawings = ReadonlyMap<string, Annotation>

export function invert(change: Change): Change {
  if ('term' in change) return { ...change, before: change.after, after: change.before }
  if ('copy' in change) return { ...change, before: change.after, after: change.before }
  return { key: change.key, before: change.after, after: change.before }
}

/**
 * The drawings after a change.
 *
 * Identity (id, version) is the server's to give: one that is known here stays, a drawing that comes back has none yet.
 */
export function applyChange(drawings: Drawings, change: Change): Drawings {
  if ('term' in change || 'copy' in change) return drawings
  const next = new Map(drawings)
  const current = drawings.get(change.key)
  if (change.after === null) {
    next.delete(change.key)
  } else if (current === undefined) {
    next.set(change.key, { ...change.after, id: null, version: null })
  } else {
    next.set(change.key, { ...change.after, id: current.id, version: current.version })
  }
  return next
}
