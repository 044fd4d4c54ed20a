import { computed } from 'vue'
import type { ComputedRef } from 'vue'
import { useDrawing } from '@/app/stores/drawing'
import { useViewer } from '@/app/stores/viewer'
import type { Command } from '@/commands/bus'

/** What the next step is called; null where there is none. */
export type StepName = Command['name'] | 'corner'

export interface History {
  readonly undoable: ComputedRef<StepName | null>
  readonly redoable: ComputedRef<StepName | null>
  undo(): void
  redo(): void
}

/** Undo and redo as the member means them: of the corners while a drawing is under way, else of what was drawn and said of the whole image. */
export function useHistory(): History {
  const viewer = useViewer()
  const drawing = useDrawing()

  const undoable = computed<StepName | null>(() => (viewer.underWay === null ? (drawing.undoable?.name ?? null) : 'corner'))
  const redoable = computed<StepName | null>(() => {
    if (viewer.underWay === null) return drawing.redoable?.name ?? null
    return viewer.underWay.taken > 0 ? 'corner' : null
  })

  /** Nobody shall lose a drawing that they do not see. */
  function show(command: Command | null): void {
    const change = command?.changes[0]
    if (change === undefined || 'term' in change) return
    const place = 'copy' in change ? change.copy : (change.after ?? change.before)
    if (place !== null && !viewer.shows(place)) viewer.goTo(place)
  }

  function undo(): void {
    if (viewer.underWay !== null) {
      viewer.ask('takeBack')
      return
    }
    show(drawing.undoable)
    drawing.undo()
  }

  function redo(): void {
    if (viewer.underWay !== null) {
      viewer.ask('putBack')
      return
    }
    show(drawing.redoable)
    drawing.redo()
  }

  return { undoable, redoable, undo, redo }
}
