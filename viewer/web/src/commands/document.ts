import type { Annotation } from '@/domain/annotation'

/** One reversible step: what an annotation was before and is after; null where it is absent. */
export interface Change {
  readonly key: string
  readonly before: Annotation | null
  readonly after: Annotation | null
}

export type Drawings = ReadonlyMap<string, Annotation>

export function invert(change: Change): Change {
  return { key: change.key, before: change.after, after: change.before }
}

/**
 * The drawings after a change.
 *
 * Identity (id, version) is the server's to give: one that is known here stays, a drawing that comes back has none yet.
 */
export function applyChange(drawings: Drawings, change: Change): Drawings {
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
