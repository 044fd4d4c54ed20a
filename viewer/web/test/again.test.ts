import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { FailureError } from '@/domain/failure'
import type { Failure } from '@/domain/failure'
import { askAgain } from '@/sources/again'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

function server(failure: Failure | null): { failure: Failure | null; asked: number; ask: () => Promise<string> } {
  const state = {
    failure,
    asked: 0,
    ask: () => {
      state.asked += 1
      return state.failure === null ? Promise.resolve('here') : Promise.reject(new FailureError(state.failure))
    },
  }
  return state
}

test('what the server could not send is there once it answers again', async () => {
  const failed: unknown[] = []
  const away = server({ kind: 'offline' })
  const answer = askAgain(away.ask, new AbortController().signal, (error) => failed.push(error))
  await vi.advanceTimersByTimeAsync(100)
  expect(failed).toHaveLength(1)
  away.failure = null
  await vi.runAllTimersAsync()
  expect(await answer).toBe('here')
})

test('a refusal is told and not asked for again', async () => {
  const failed: unknown[] = []
  const refusing = server({ kind: 'forbidden', message: '' })
  await expect(askAgain(refusing.ask, new AbortController().signal, (error) => failed.push(error))).rejects.toThrow('forbidden')
  expect([failed.length, refusing.asked]).toEqual([1, 1])
})

test('what is given up is not asked for again', async () => {
  const away = server({ kind: 'offline' })
  const giving = new AbortController()
  const answer = askAgain(away.ask, giving.signal, () => undefined).catch((error: unknown) => (error as Error).name)
  await vi.advanceTimersByTimeAsync(100)
  giving.abort()
  await vi.runAllTimersAsync()
  expect(await answer).toBe('AbortError')
  expect(away.asked).toBe(1)
})
