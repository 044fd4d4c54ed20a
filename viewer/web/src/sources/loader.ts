import type { Plane } from '@/core/plane'
import type { Place } from '@/domain/image'
import { askAgain, pause } from '@/sources/again'
import type { PixelSource } from '@/sources/source'

export interface LoaderListener {
  show(plane: Plane): void
  failed(error: unknown): void
}

const SETTLE = 40
const AHEAD = [1, 2, -1, 3]

/**
 * Keeps one pane supplied: whatever is here at once, then the exact plane, then its neighbours.
 *
 * Only the newest wish counts; an older request is aborted.
 */
export class PlaneLoader {
  private wish: Place | null = null
  private current = new AbortController()
  /** Which way the reader goes; 0 until the first step, when nothing speaks for any neighbour. */
  private direction = 0

  constructor(
    private readonly source: PixelSource,
    private readonly planes: number,
    private readonly listener: LoaderListener,
  ) {}

  /** Show this plane from now on. */
  want(wish: Place): void {
    if (this.wish !== null && wish.index !== this.wish.index) this.direction = Math.sign(wish.index - this.wish.index)
    this.wish = wish
    this.current.abort()
    this.current = new AbortController()
    const held = this.source.held(wish)
    const coarse = held ?? this.source.preview(wish)
    if (coarse !== null) this.listener.show(coarse)
    void this.load(wish, this.current.signal, held !== null, coarse !== null)
  }

  /** Show the coarse plane that has just arrived, unless the exact one is there. */
  refresh(): void {
    if (this.wish === null || this.source.held(this.wish) !== null) return
    const coarse = this.source.preview(this.wish)
    if (coarse !== null) this.listener.show(coarse)
  }

  dispose(): void {
    this.wish = null
    this.current.abort()
  }

  private async load(wish: Place, signal: AbortSignal, held: boolean, coarse: boolean): Promise<void> {
    const failed = (error: unknown): void => this.listener.failed(error)
    try {
      if (!held) {
        // While something is on the screen already, a plane that is only passed by need not be asked for.
        if (coarse) await pause(signal, SETTLE)
        const plane = await askAgain(() => this.source.plane(wish, signal), signal, failed)
        if (!signal.aborted) this.listener.show(plane)
      }
    } catch {
      return
    }
    // What is fetched ahead is asked for, and what fails is told, once it is wanted.
    await this.prefetch(wish, signal).catch(() => undefined)
  }

  private async prefetch(wish: Place, signal: AbortSignal): Promise<void> {
    if (this.direction === 0) return
    await pause(signal, SETTLE)
    for (const step of AHEAD) {
      const index = wish.index + step * this.direction
      if (index < 0 || index >= this.planes) continue
      await this.source.plane({ ...wish, index }, signal)
    }
  }
}
