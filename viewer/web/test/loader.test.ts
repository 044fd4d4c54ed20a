import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Plane } from '@/core/plane'
import { FailureError } from '@/domain/failure'
import type { Place } from '@/domain/image'
import { PlaneLoader } from '@/sources/loader'
import type { PixelSource } from '@/sources/source'

function planeOf({ axis, index }: Place, exact: boolean): Plane {
  return { axis, index, rows: 1, columns: 1, rowStep: 1, columnStep: 1, exact, channels: [Uint8Array.of(index)] }
}

class Source implements PixelSource {
  readonly asked: number[] = []
  readonly kept = new Map<number, Plane>()
  failure: FailureError | null = null
  coarse = true

  preview(wish: Place): Plane | null {
    return this.coarse ? planeOf(wish, false) : null
  }
  held({ index }: Place): Plane | null {
    return this.kept.get(index) ?? null
  }
  async plane(wish: Place, signal: AbortSignal): Promise<Plane> {
    this.asked.push(wish.index)
    await new Promise((resolve) => setTimeout(resolve, 10))
    signal.throwIfAborted()
    if (this.failure !== null) throw this.failure
    const plane = planeOf(wish, true)
    this.kept.set(wish.index, plane)
    return plane
  }
  prepare(): Promise<void> {
    return Promise.resolve()
  }
  sample(): null {
    return null
  }
}

const at = (index: number): Place => ({ axis: 'z', index, t: 0, c: 0 })

function loaderOf(source: Source): { loader: PlaneLoader; shown: string[]; failed: unknown[] } {
  const shown: string[] = []
  const failed: unknown[] = []
  const loader = new PlaneLoader(source, 10, {
    show: ({ index, exact }) => shown.push(`${index}${exact ? '' : '~'}`),
    failed: (error) => failed.push(error),
  })
  return { loader, shown, failed }
}

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

test('the coarse plane is shown at once and the exact one follows', async () => {
  const { loader, shown } = loaderOf(new Source())
  loader.want(at(4))
  expect(shown).toEqual(['4~'])
  await vi.runAllTimersAsync()
  expect(shown).toEqual(['4~', '4'])
})

test('planes that are only passed by are not asked for', async () => {
  const source = new Source()
  const { loader, shown } = loaderOf(source)
  for (const index of [1, 2, 3]) loader.want(at(index))
  await vi.advanceTimersByTimeAsync(55)
  expect(source.asked).toEqual([3])
  expect(shown).toEqual(['1~', '2~', '3~', '3'])
})

test('neighbours are fetched ahead in the direction of the reader, within the image', async () => {
  const source = new Source()
  const { loader } = loaderOf(source)
  loader.want(at(7))
  await vi.runAllTimersAsync()
  expect(source.asked).toEqual([7])
  loader.want(at(8))
  await vi.runAllTimersAsync()
  expect(source.asked).toEqual([7, 8, 9, 7])
})

test('a plane that the server could not send is asked for again', async () => {
  const source = new Source()
  const { loader, shown, failed } = loaderOf(source)
  source.failure = new FailureError({ kind: 'offline' })
  loader.want(at(4))
  await vi.advanceTimersByTimeAsync(100)
  expect(failed).toHaveLength(1)
  source.failure = null
  await vi.runAllTimersAsync()
  expect(shown.at(-1)).toBe('4')
})

test('a refusal is not asked for again', async () => {
  const source = new Source()
  const { loader, failed } = loaderOf(source)
  source.failure = new FailureError({ kind: 'forbidden', message: '' })
  loader.want(at(4))
  await vi.runAllTimersAsync()
  expect(failed).toHaveLength(1)
  expect(source.asked).toEqual([4])
})
