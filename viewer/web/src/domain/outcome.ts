export type Became = 'image' | 'document' | 'duplicate' | 'held'

/** What became of one file of an upload. */
export interface FileOutcome {
  readonly name: string
  readonly became: Became
  /** The image that it became, or was attached to. */
  readonly image: number | null
  /** Why it is held; empty where it is not. */
  readonly reason: string
  readonly detail: string
  /** How many rows of a table speak of an image that is not here. */
  readonly unmatched: number
}

export const KINDS: readonly Became[] = ['image', 'document', 'duplicate', 'held']

/** How many files became what, of those kinds that there are. */
export function countOutcomes(outcomes: readonly FileOutcome[]): readonly (readonly [Became, number])[] {
  const counts = KINDS.map((kind) => [kind, outcomes.filter(({ became }) => became === kind).length] as const)
  return counts.filter(([, count]) => count > 0)
}

/** Those of one kind, or all; what is held comes first, for somebody may have to do something about it. */
export function showOutcomes(outcomes: readonly FileOutcome[], kind: Became | null): readonly FileOutcome[] {
  if (kind !== null) return outcomes.filter(({ became }) => became === kind)
  return [...outcomes.filter(({ became }) => became === 'held'), ...outcomes.filter(({ became }) => became !== 'held')]
}
