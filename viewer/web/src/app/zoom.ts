import { nextTick, ref } from 'vue'
import type { Ref } from 'vue'
import type { Zoom } from '@/domain/held'

export interface Zooming {
  readonly zoom: Ref<Zoom>
  /** Make the picture larger or smaller about the middle of what is seen of it. */
  readonly enlarge: (to: Zoom) => Promise<void>
}

/** How large a picture is shown on a stage that scrolls where it has no room for all of it. */
export function useZoom(stage: Readonly<Ref<HTMLElement | null>>): Zooming {
  const zoom = ref<Zoom>(1)

  async function enlarge(to: Zoom): Promise<void> {
    const seen = stage.value
    if (seen === null) return
    const across = (seen.scrollLeft + seen.clientWidth / 2) / seen.scrollWidth
    const down = (seen.scrollTop + seen.clientHeight / 2) / seen.scrollHeight
    zoom.value = to
    await nextTick()
    seen.scrollTo(across * seen.scrollWidth - seen.clientWidth / 2, down * seen.scrollHeight - seen.clientHeight / 2)
  }

  return { zoom, enlarge }
}
