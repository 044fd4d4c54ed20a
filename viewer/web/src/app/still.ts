import { onBeforeUnmount, onMounted, ref } from 'vue'
import type { Ref } from 'vue'
import { apart } from '@/core/corners'
import type { Spot } from '@/core/corners'

/** Screen pixels that a hand does not drift by while it clicks; less than from any button to the next. */
const DRIFT = 40

export interface Still {
  /** Whether since the last `begin` nothing happened but clicks in the same place. */
  readonly still: Ref<boolean>
  /** Something else came under the pointer, because of the last click. */
  begin(): void
}

const at = (event: PointerEvent): Spot => [event.clientX, event.clientY]

/** Tells clicks that go on in one place, as of a person who has not looked, from everything else that people do. */
export function useStill(): Still {
  const still = ref(false)
  let pressed: Spot | null = null

  function moved(event: PointerEvent): void {
    if (pressed === null || apart(at(event), pressed) <= DRIFT) return
    pressed = null
    still.value = false
  }

  function down(event: PointerEvent): void {
    moved(event)
    pressed ??= at(event)
  }

  function key(event: KeyboardEvent): void {
    if (event.repeat) return
    pressed = null
    still.value = false
  }

  onMounted(() => {
    window.addEventListener('pointerdown', down, true)
    window.addEventListener('pointermove', moved, true)
    window.addEventListener('keydown', key, true)
  })
  onBeforeUnmount(() => {
    window.removeEventListener('pointerdown', down, true)
    window.removeEventListener('pointermove', moved, true)
    window.removeEventListener('keydown', key, true)
  })

  return { still, begin: () => (still.value = pressed !== null) }
}
