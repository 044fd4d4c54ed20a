import { ref } from 'vue'
import type { Ref } from 'vue'
import { useFailureText } from '@/app/failure-text'
import { failureOf, isAbort } from '@/domain/failure'
import type { Failure } from '@/domain/failure'

export interface Attempt {
  readonly busy: Ref<boolean>
  /** What stood in the way of the last attempt; empty where nothing did. */
  readonly problem: Ref<string>
  /** Try this now; tells whether it was done. */
  attempt(work: () => Promise<unknown>): Promise<boolean>
}

/** What a form sends: one attempt at a time, and its failure is told beside the button that made it. */
export function useAttempt(say: (failure: Failure) => string = useFailureText()): Attempt {
  const busy = ref(false)
  const problem = ref('')

  async function attempt(work: () => Promise<unknown>): Promise<boolean> {
    busy.value = true
    problem.value = ''
    try {
      await work()
      return true
    } catch (error) {
      if (!isAbort(error)) problem.value = say(failureOf(error))
      return false
    } finally {
      busy.value = false
    }
  }

  return { busy, problem, attempt }
}
