import { computed, ref, shallowRef } from 'vue'
import type { ComputedRef, Ref } from 'vue'
import { useFailureText } from '@/app/failure-text'
import { failureOf, isAbort } from '@/domain/failure'
import type { Failure } from '@/domain/failure'

export interface Attempt {
  readonly busy: Ref<boolean>
  /** What stood in the way of the last attempt, in the language of now; empty where nothing did. */
  readonly problem: ComputedRef<string>
  /** Try this now; tells whether it was done. */
  attempt(work: () => Promise<unknown>): Promise<boolean>
  /** What stood in the way is no longer told. */
  forget(): void
}

/**
 * What a form sends: one attempt at a time, and its failure is told beside the button that made it.
 *
 * `say` is asked anew whenever the language changes, `met` once for each failure.
 */
export function useAttempt(say: (failure: Failure) => string = useFailureText(), met: (failure: Failure) => void = () => undefined): Attempt {
  const busy = ref(false)
  const failed = shallowRef<Failure | null>(null)
  const problem = computed(() => (failed.value === null ? '' : say(failed.value)))
  const forget = (): void => void (failed.value = null)

  async function attempt(work: () => Promise<unknown>): Promise<boolean> {
    busy.value = true
    forget()
    try {
      await work()
      return true
    } catch (error) {
      if (isAbort(error)) return false
      failed.value = failureOf(error)
      met(failed.value)
      return false
    } finally {
      busy.value = false
    }
  }

  return { busy, problem, attempt, forget }
}
