/* What is sent, how it is cut, and how long it takes: no network, no framework. */

/** A file that a member chose, under the path that it has in what they chose. */
export interface Chosen {
  readonly file: File
  readonly path: string
}

/** An own upload that takes more files still; `files` of those `announced` are whole. */
export interface OpenUpload {
  readonly id: number
  readonly files: number
  readonly announced: number
  readonly bytes: number
  readonly touched: number | null
}

/** A file of an open upload as the server has it. */
export interface Arriving {
  readonly id: number
  readonly name: string
  readonly length: number
  readonly offset: number
  readonly whole: boolean
  /** What was said of it when it was announced. */
  readonly told: ReadonlyMap<string, string>
}

/**
 * Where a sending is; `waiting` while the connection is lost, `asleep` while nobody is signed in.
 *
 * `unread` when all is sent but what could not be read any more.
 */
export type Phase = 'preparing' | 'sending' | 'waiting' | 'asleep' | 'paused' | 'unread' | 'ending' | 'ended' | 'failed'

export interface Progress {
  readonly phase: Phase
  /** Bytes of all chosen files, and of them those that the server has or that are on their way. */
  readonly bytes: number
  readonly sent: number
  readonly files: number
  /** Files that are there whole. */
  readonly done: number
  /** Of these, how many were there before. */
  readonly already: number
  /** Files of the same upload that were there before and are not among the chosen ones. */
  readonly others: number
}

const MIB = 2 ** 20
/** A file of no more bytes goes together with others. */
export const SMALL = 4 * MIB
const MOST_TOGETHER = 16
const LARGEST_TOGETHER = 8 * MIB
/** What goes in one request of a larger file: it is lost where the connection is. */
export const PIECE = 8 * MIB
/** So much of the beginning of a file tells it from others of the same name, size and date. */
export const BEGINNING = 64 * 1024

/** Small files in runs that go together, each larger file on its own. */
export function cutRuns<Item>(items: readonly Item[], sizeOf: (item: Item) => number): readonly (readonly Item[])[] {
  const runs: Item[][] = []
  let open: Item[] = []
  let bytes = 0
  for (const item of items) {
    const size = sizeOf(item)
    if (size > SMALL) {
      runs.push([item])
      continue
    }
    if (open.length === 0 || open.length === MOST_TOGETHER || bytes + size > LARGEST_TOGETHER) {
      open = []
      bytes = 0
      runs.push(open)
    }
    open.push(item)
    bytes += size
  }
  return runs
}

/** What makes a file known again: name, size, and its fingerprint. */
export interface Known {
  readonly path: string
  readonly size: number
  readonly fingerprint: string
}

const wordOf = ({ path, size, fingerprint }: Known): string => [path, size, fingerprint].join('\0')

/**
 * Which of the chosen files the server has, in whole or in part, by their place among the chosen ones.
 *
 * Where several could be meant, only whole ones of the same number are taken for the same.
 */
export function matchFiles(chosen: readonly Known[], there: readonly Arriving[]): ReadonlyMap<number, Arriving> {
  const byWord = <Value>(values: readonly Value[], word: (value: Value) => string): Map<string, Value[]> => {
    const found = new Map<string, Value[]>()
    for (const value of values) found.set(word(value), [...(found.get(word(value)) ?? []), value])
    return found
  }
  const theirs = byWord(there, ({ name, length, told }) =>
    wordOf({ path: name, size: length, fingerprint: told.get('fingerprint') ?? '' }))
  const ours = byWord(chosen.map((known, place) => ({ known, place })), ({ known }) => wordOf(known))
  const matched = new Map<number, Arriving>()
  for (const [word, places] of ours) {
    const same = theirs.get(word) ?? []
    if (same.length !== places.length || (same.length > 1 && !same.every(({ whole }) => whole))) continue
    places.forEach(({ place }, at) => same[at] !== undefined && matched.set(place, same[at]))
  }
  return matched
}

/** When how many bytes had been sent. */
export interface Sample {
  readonly at: number
  readonly sent: number
}

const WINDOW = 15_000
const SHORTEST = 2_000

/** The samples that still tell how fast it goes, with the newest. */
export function addSample(samples: readonly Sample[], sample: Sample): readonly Sample[] {
  return [...samples.filter(({ at, sent }) => at > sample.at - WINDOW && sent <= sample.sent), sample]
}

/** Seconds until so many bytes are sent at the pace of the samples; null while nobody can tell. */
export function secondsLeft(samples: readonly Sample[], bytes: number): number | null {
  const first = samples[0]
  const last = samples.at(-1)
  if (first === undefined || last === undefined || last.at - first.at < SHORTEST || last.sent === first.sent) return null
  return ((bytes - last.sent) * (last.at - first.at)) / (last.sent - first.sent) / 1000
}

/** A time that a person reads, rounded up. */
export function durationOf(seconds: number): { readonly amount: number; readonly unit: 'seconds' | 'minutes' | 'hours' } {
  if (seconds < 55) return { amount: Math.max(Math.ceil(seconds / 5) * 5, 5), unit: 'seconds' }
  if (seconds < 3300) return { amount: Math.ceil(seconds / 60), unit: 'minutes' }
  return { amount: Math.ceil(seconds / 360) / 10, unit: 'hours' }
}

/** What is said of a file, as tus has it: words in base64 of UTF-8. */
export function writeMetadata(said: Readonly<Record<string, string>>): string {
  const encode = (value: string): string => btoa(Array.from(new TextEncoder().encode(value), (byte) => String.fromCharCode(byte)).join(''))
  return Object.entries(said).map(([key, value]) => `${key} ${encode(value)}`).join(',')
}

export function readMetadata(text: string): ReadonlyMap<string, string> {
  const decode = (value: string): string =>
    new TextDecoder().decode(Uint8Array.from(atob(value), (letter) => letter.charCodeAt(0)))
  const pairs = text.split(',').map((pair) => pair.trim().split(' ')).filter(([key]) => key !== undefined && key !== '')
  return new Map(pairs.map(([key, value]) => [key ?? '', decode(value ?? '')]))
}
