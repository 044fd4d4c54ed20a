import { nextTick, ref, watch } from 'vue'
import type { Ref } from 'vue'
import { useRest } from '@/app/rest'

export interface SecondPress<Choice> {
  /** What was pressed once and waits for the second press. */
  readonly asking: Ref<Choice | null>
  /** Whether a press on this counts by now; a double click is one press. */
  counts(choice: Choice): boolean
  /** Tells whether this press decides; the first one only asks. */
  press(choice: Choice, event: Event): boolean
  /** Whatever was asked is no longer meant. */
  forget(): void
}

/** What cannot be taken back is decided by a second press on the same button. */
export function useSecondPress<Choice extends string>(): SecondPress<Choice> {
  const asking = ref<Choice | null>(null) as Ref<Choice | null>
  const { over, begin } = useRest()
  let button: HTMLElement | null = null

  const counts = (choice: Choice): boolean => asking.value !== choice || over.value

  function press(choice: Choice, event: Event): boolean {
    if (asking.value === choice) return over.value
    asking.value = choice
    button = event.currentTarget as HTMLElement
    begin()
    return false
  }

  // Browsers take the keyboard's focus from a button that rests.
  watch(over, async (counted) => {
    if (!counted || asking.value === null) return
    await nextTick()
    if (document.activeElement === document.body) button?.focus()
  })

  return { asking, counts, press, forget: () => (asking.value = null) }
}
