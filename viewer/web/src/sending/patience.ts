import { FailureError, failureOf, isAbort } from '@/domain/failure'
import type { Failure } from '@/domain/failure'

const RESTS = [500, 1000, 2000, 4000, 8000, 15_000] as const
/** Answers after which the same request may well succeed: timed out, taken by another one, too many. */
const PASSING = new Set([408, 423, 429])

/** The sending was given up. */
export class GivenUpError extends Error {
  constructor() {
    super('given up')
    this.name = 'GivenUpError'
  }
}

export type Hindrance = 'none' | 'waiting' | 'asleep' | 'paused'

function passes(failure: Failure): boolean {
  if (failure.kind === 'offline') return true
  if (failure.kind === 'broken') return failure.status >= 500
  return failure.kind === 'refused' && PASSING.has(failure.status)
}

/** Lets requests be tried until they succeed: over lost connections, ended sessions and pauses. */
export class Patience {
  private controller = new AbortController()
  private givenUp = false
  private paused = false
  private resting = 0
  private sleeping = 0
  private readonly wakers = new Set<() => void>()

  /** `changed` is told whenever what stands in the way has changed; `pace` scales the rests. */
  constructor(private readonly changed: () => void, private readonly pace = 1) {}

  get hindrance(): Hindrance {
    if (this.paused) return 'paused'
    if (this.sleeping > 0) return 'asleep'
    return this.resting > 0 ? 'waiting' : 'none'
  }

  pause(): void {
    this.paused = true
    this.controller.abort()
    this.changed()
  }

  /** Go on after a pause, and at once where the next try would have waited: the network or the member is back. */
  goOn(): void {
    if (this.paused) this.controller = new AbortController()
    this.paused = false
    this.wake()
    this.changed()
  }

  giveUp(): void {
    this.givenUp = true
    this.paused = false
    this.controller.abort()
    this.wake()
  }

  /** Wake whoever waits for the session, now that its member is back; nobody is woken from a pause. */
  wake(): void {
    for (const waker of [...this.wakers]) waker()
  }

  /** Try until it succeeds; what no patience helps against is thrown. */
  async insist<Value>(work: (signal: AbortSignal) => Promise<Value>): Promise<Value> {
    for (let failed = 0; ; failed += 1) {
      while (this.paused) await this.sleep(null)
      if (this.givenUp) throw new GivenUpError()
      try {
        return await work(this.controller.signal)
      } catch (error) {
        if (this.givenUp) throw new GivenUpError()
        if (isAbort(error)) failed = -1
        else if (!(error instanceof FailureError)) throw error
        else await this.endure(failureOf(error), failed)
      }
    }
  }

  private async endure(failure: Failure, failed: number): Promise<void> {
    const asleep = failure.kind === 'signed-out'
    if (!asleep && !passes(failure)) throw new FailureError(failure)
    const kind = asleep ? 'sleeping' : 'resting'
    this[kind] += 1
    this.changed()
    try {
      await this.sleep(asleep ? null : (RESTS[Math.min(failed, RESTS.length - 1)] ?? 0) * this.pace)
    } finally {
      this[kind] -= 1
      this.changed()
    }
  }

  private sleep(milliseconds: number | null): Promise<void> {
    return new Promise((resolve) => {
      const timer = milliseconds === null ? undefined : setTimeout(wake, milliseconds)
      const { wakers } = this
      function wake(): void {
        clearTimeout(timer)
        wakers.delete(wake)
        resolve()
      }
      wakers.add(wake)
    })
  }
}
