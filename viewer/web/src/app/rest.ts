import { onScopeDispose, ref } from 'vue'
import type { Ref } from 'vue'

/** How long a button rests that came under a mouse that was about to click something else, in milliseconds. */
export const REST = 700

export interface Rest {
  readonly over: Ref<boolean>
  /** Rest from now on. */
  begin(): void
}

/** Time in which a click is taken for one that was meant for what was there before. */
export function useRest(): Rest {
  const over = ref(false)
  let timer: ReturnType<typeof setTimeout> | undefined

  function begin(): void {
    clearTimeout(timer)
    over.value = false
    timer = setTimeout(() => (over.value = true), REST)
  }

  onScopeDispose(() => clearTimeout(timer))
  return { over, begin }
}
