import { useI18n } from 'vue-i18n'
import { useDrawing } from '@/app/stores/drawing'
import { useViewer } from '@/app/stores/viewer'

export interface Leaving {
  /** Whether leaving the page now would lose something. */
  loses(): boolean
  /** Ask whether to leave all the same, where something would be lost. */
  mayLeave(): boolean
  /** Let go what would be lost: it was asked for already. */
  letGo(): void
}

/** Nothing that was drawn is lost without a question. */
export function useLeaving(): Leaving {
  const { t } = useI18n()
  const drawing = useDrawing()
  const viewer = useViewer()

  function loses(): boolean {
    return drawing.unsaved() || viewer.sketching !== null
  }

  function mayLeave(): boolean {
    return !loses() || window.confirm(t(drawing.unsaved() ? 'save.leave' : 'save.leaveDrawing'))
  }

  function letGo(): void {
    drawing.close()
    viewer.giveUp()
  }

  return { loses, mayLeave, letGo }
}
