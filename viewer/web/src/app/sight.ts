import { computed, ref } from 'vue'
import type { ComputedRef, Ref } from 'vue'
import type { Sight } from '@/domain/held'

export interface Seeing {
  readonly sight: ComputedRef<Sight>
  /** How often the picture was asked for again: what shows it is made anew by it. */
  readonly tries: Ref<number>
  readonly loaded: (event: Event) => void
  readonly broke: () => void
  readonly again: () => void
}

/** What is to be seen of a picture that is fetched; nothing at all where there is `none` to fetch. */
export function useSight(picture: Readonly<Ref<string>>, none: Readonly<Ref<boolean>>): Seeing {
  /** Which picture came, and which did not. */
  const came = ref('')
  const failed = ref('')
  const tries = ref(0)
  const sight = computed<Sight>(() => {
    if (none.value) return 'none'
    if (failed.value === picture.value) return 'broken'
    return came.value === picture.value ? 'shown' : 'loading'
  })

  function loaded(event: Event): void {
    // A picture that was replaced meanwhile is not the one that is to be seen.
    if ((event.currentTarget as HTMLImageElement).complete) came.value = picture.value
  }

  function broke(): void {
    failed.value = picture.value
  }

  function again(): void {
    failed.value = came.value = ''
    tries.value += 1
  }

  return { sight, tries, loaded, broke, again }
}
