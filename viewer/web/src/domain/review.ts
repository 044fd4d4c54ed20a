import type { Annotation } from '@/domain/annotation'
import { AXES } from '@/domain/image'
import type { Place } from '@/domain/image'

/** How far the review of an image is. */
export type Phase = 'none' | 'open' | 'validated'

export interface ImageReview {
  readonly phase: Phase
  readonly reviewer: number | null
  /** Since when it counts as reviewed, milliseconds since 1970. */
  readonly validated: number | null
}

export const NO_REVIEW: ImageReview = { phase: 'none', reviewer: null, validated: null }

/**
 * What the review made of an annotation so far.
 *
 * `reviewed` is what came in as reviewed elsewhere: it has no copy, and does not wait for one.
 */
export type Standing = 'waiting' | 'accepted' | 'copy' | 'reviewed'

/** Whether this is a reviewed copy rather than what somebody drew. */
export const isCopy = ({ parent }: Pick<Annotation, 'parent'>): boolean => parent !== null

/** Whether a reviewed copy was changed since it was made; one that was brought back has a new version, too. */
export function isCorrected(copy: Annotation, original: Annotation | undefined): boolean {
  if (!isCopy(copy) || (copy.version ?? 0) === 0) return false
  return original === undefined || copy.wkt !== original.wkt || copy.terms.join() !== original.terms.join()
}

/** The reviewed copies by what they were made of. */
export function copiesByParent(annotations: readonly Annotation[]): ReadonlyMap<number, Annotation> {
  return new Map(annotations.flatMap((annotation) => (annotation.parent === null ? [] : [[annotation.parent, annotation] as const])))
}

/** What the review made of each annotation, by its key. */
export function standingsOf(annotations: readonly Annotation[]): ReadonlyMap<string, Standing> {
  const copies = copiesByParent(annotations)
  const standingOf = (annotation: Annotation): Standing => {
    if (isCopy(annotation)) return 'copy'
    if (annotation.id !== null && copies.has(annotation.id)) return 'accepted'
    return annotation.reviewed ? 'reviewed' : 'waiting'
  }
  return new Map(annotations.map((annotation) => [annotation.key, standingOf(annotation)]))
}

const LAST = Number.MAX_SAFE_INTEGER

/** The order of the list: plane by plane, each copy after what it was made of. */
export function byPlane(a: Annotation, b: Annotation): number {
  const family = ({ parent, id }: Annotation): number => parent ?? id ?? LAST
  return byPlace(a, b) || family(a) - family(b) || Number(isCopy(a)) - Number(isCopy(b))
}

function byPlace(a: Place, b: Place): number {
  return AXES.indexOf(a.axis) - AXES.indexOf(b.axis) || a.index - b.index || a.t - b.t || a.c - b.c
}

/**
 * The annotation that waits next after a place, from the first one again after the last one; null where none waits.
 *
 * @param after key of the annotation that was looked at last, where one was
 */
export function nextWaiting(waiting: readonly Annotation[], from: Place, after: Annotation | null): Annotation | null {
  const ordered = [...waiting].sort(byPlane)
  const follows = (one: Annotation): boolean => (after === null ? byPlace(one, from) >= 0 : byPlane(one, after) > 0)
  return ordered.find(follows) ?? ordered[0] ?? null
}
