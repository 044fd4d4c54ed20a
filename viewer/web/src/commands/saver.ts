import type { Annotation, Identity } from '@/domain/annotation'
import { failureOf } from '@/domain/failure'
import type { Failure } from '@/domain/failure'

/** What saving needs of the server. */
export interface Shelf {
  create(annotation: Annotation, token: string): Promise<Identity>
  edit(annotation: Annotation, identity: Identity): Promise<Identity>
  remove(identity: Identity): Promise<void>
}

export type SaveState =
  | { readonly kind: 'saved' }
  | { readonly kind: 'saving' }
  | { readonly kind: 'conflict'; readonly key: string; readonly revision: number | null }
  | { readonly kind: 'error'; readonly failure: Failure }

/** Whether asking again cannot help. */
function isForGood(failure: Failure): boolean {
  return failure.kind === 'forbidden' || failure.kind === 'refused'
}

const PASSING = new Set([502, 503, 504])

/** Whether waiting helps: the server does not answer, or what stands before it says so. */
function isPassing(failure: Failure): boolean {
  return failure.kind === 'offline' || (failure.kind === 'broken' && PASSING.has(failure.status))
}

const FIRST_WAIT = 2000
const LONGEST_WAIT = 30_000

interface Wish {
  readonly key: string
  readonly wanted: Annotation | null
}

/**
 * Brings the server to what the page shows, one drawing at a time and in order.
 *
 * A drawing's newest wish replaces its older ones still waiting, so a fast undo costs one request at most. What the
 * server refuses for good is given up and told, so that it stands in nobody's way; after any other failure everything
 * still wished for is kept until `retry`, which comes by itself where the server does not answer.
 */
export class Saver {
  private readonly identities = new Map<string, Identity>()
  private readonly wishes = new Map<string, Wish>()
  /** What was asked for and never answered: it may be on the server without being known here. */
  private readonly unanswered = new Map<string, Annotation>()
  private readonly session = Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join('')
  private running: Promise<void> | null = null
  private halted = false
  private closed = false
  private failures = 0
  private waiting: ReturnType<typeof setTimeout> | undefined

  constructor(
    private readonly shelf: Shelf,
    private readonly tell: (state: SaveState) => void,
    private readonly identified: (key: string, identity: Identity | null, sent: Annotation | null) => void,
    private readonly refused: (key: string, failure: Failure) => void,
  ) {}

  /** Number of drawings that the server does not know the newest state of. */
  get pending(): number {
    return this.wishes.size
  }

  /** The drawing is on the server as it is here. */
  adopt(key: string, identity: Identity): void {
    this.identities.set(key, identity)
  }

  identityOf(key: string): Identity | null {
    return this.identities.get(key) ?? null
  }

  want(key: string, wanted: Annotation | null): void {
    this.wishes.delete(key)
    this.wishes.set(key, { key, wanted })
    if (!this.halted) void this.start()
  }

  /** Try again what failed; resolves when nothing is left or it failed again. */
  retry(): Promise<void> {
    this.failures = 0
    return this.again()
  }

  /** Send nothing again by itself from now on. */
  close(): void {
    this.closed = true
    clearTimeout(this.waiting)
  }

  /** Settle a conflict in favour of the page: build on what the server has now, or make it anew where it is gone. */
  keepMine(key: string, theirs: Identity | null): Promise<void> {
    if (theirs === null) this.identities.delete(key)
    else this.identities.set(key, theirs)
    return this.retry()
  }

  /** Settle a conflict in favour of the server: drop what was wished. */
  takeTheirs(key: string, identity: Identity | null): Promise<void> {
    this.wishes.delete(key)
    if (identity === null) this.identities.delete(key)
    else this.identities.set(key, identity)
    return this.retry()
  }

  private again(): Promise<void> {
    clearTimeout(this.waiting)
    this.halted = false
    return this.start()
  }

  private start(): Promise<void> {
    this.running ??= this.run().finally(() => {
      this.running = null
    })
    return this.running
  }

  private async run(): Promise<void> {
    for (;;) {
      const wish = this.wishes.values().next().value
      if (wish === undefined) break
      // What is tried again by itself goes on being told as not saved until it is.
      if (this.failures === 0) this.tell({ kind: 'saving' })
      try {
        await this.save(wish)
      } catch (error) {
        const failure = failureOf(error)
        if (!isForGood(failure)) {
          this.halt(wish, failure)
          return
        }
        this.refused(wish.key, failure)
      }
      this.failures = 0
      // A newer wish for the same drawing may have come meanwhile; it stays.
      if (this.wishes.get(wish.key) === wish) this.wishes.delete(wish.key)
    }
    this.tell({ kind: 'saved' })
  }

  private async save({ key, wanted }: Wish): Promise<void> {
    // Asked again first: only so is known what the server has of it.
    const doubtful = this.unanswered.get(key)
    if (doubtful !== undefined && doubtful !== wanted) await this.put(key, doubtful)
    if (wanted !== null) {
      await this.put(key, wanted)
      return
    }
    const identity = this.identities.get(key)
    if (identity === undefined) return
    await this.shelf.remove(identity)
    this.identities.delete(key)
    this.identified(key, null, null)
  }

  /** Make or change one drawing; asked again after a lost answer, the server does it once. */
  private async put(key: string, wanted: Annotation): Promise<void> {
    const identity = this.identities.get(key)
    this.unanswered.set(key, wanted)
    let saved: Identity
    try {
      saved = identity === undefined ? await this.shelf.create(wanted, `${this.session}-${key}`) : await this.shelf.edit(wanted, identity)
    } catch (error) {
      if (!isPassing(failureOf(error))) this.unanswered.delete(key)
      throw error
    }
    this.unanswered.delete(key)
    this.identities.set(key, saved)
    this.identified(key, saved, wanted)
  }

  private halt(wish: Wish, failure: Failure): void {
    this.halted = true
    if (failure.kind === 'conflict') this.tell({ kind: 'conflict', key: wish.key, revision: failure.revision })
    else this.tell({ kind: 'error', failure })
    if (!isPassing(failure) || this.closed) return
    this.waiting = setTimeout(() => void this.again(), Math.min(FIRST_WAIT * 2 ** this.failures, LONGEST_WAIT))
    this.failures += 1
  }
}
