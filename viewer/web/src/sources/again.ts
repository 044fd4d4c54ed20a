import { failureOf, isAbort } from '@/domain/failure'

const AGAIN = 3000

/** Wait, unless it is given up. */
export function pause(signal: AbortSignal, milliseconds: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(new DOMException('aborted', 'AbortError'))
    })
  })
}

/** Ask until the server answers or it is given up: one that comes back finds the thing still wanted, a refusal stays one. */
export async function askAgain<Answer>(
  ask: () => Promise<Answer>, signal: AbortSignal, failed: (error: unknown) => void,
): Promise<Answer> {
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (isAbort(error) || signal.aborted) throw error
      failed(error)
      const { kind } = failureOf(error)
      if (kind !== 'offline' && kind !== 'broken') throw error
    }
    await pause(signal, AGAIN)
  }
}
