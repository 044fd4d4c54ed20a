import { onBeforeUnmount, onMounted } from 'vue'
import { useHistory } from '@/app/history'
import { useDrawing } from '@/app/stores/drawing'
import { useLayers } from '@/app/stores/layers'
import { useReview } from '@/app/stores/review'
import { useReviewing } from '@/app/stores/reviewing'
import { useViewer } from '@/app/stores/viewer'
import { extent } from '@/domain/image'
import { TOOLS, TOOL_KEYS, drawsShape } from '@/domain/tools'

/** What a reviewer presses. */
export const REVIEW_KEYS = { accept: 'a', reject: 'd', next: 'n' } as const

/** What the sheet lists; `name` is a key of the translations. */
export const SHEET: readonly { readonly name: string; readonly keys: readonly string[] }[] = [
  ...TOOLS.map((tool) => ({ name: `tool.${tool}`, keys: [TOOL_KEYS[tool].toUpperCase()] })),
  { name: 'shortcut.scroll', keys: ['↑', '↓'] },
  { name: 'shortcut.scrollTen', keys: ['PgUp', 'PgDn'] },
  { name: 'shortcut.ends', keys: ['Home', 'End'] },
  { name: 'shortcut.preset', keys: ['1', '…', '8'] },
  { name: 'shortcut.zoom', keys: ['+', '−'] },
  { name: 'shortcut.fit', keys: ['F'] },
  { name: 'shortcut.maximise', keys: ['M'] },
  { name: 'shortcut.invert', keys: ['I'] },
  { name: 'shortcut.layers', keys: ['S'] },
  { name: 'shortcut.hairs', keys: ['X'] },
  { name: 'shortcut.undo', keys: ['Ctrl', 'Z'] },
  { name: 'shortcut.redo', keys: ['Ctrl', 'Shift', 'Z'] },
  { name: 'tool.delete', keys: ['Del'] },
  { name: 'reviewing.acceptSelected', keys: [REVIEW_KEYS.accept.toUpperCase()] },
  { name: 'reviewing.rejectSelected', keys: [REVIEW_KEYS.reject.toUpperCase()] },
  { name: 'reviewing.nextWaiting', keys: [REVIEW_KEYS.next.toUpperCase()] },
  { name: 'shortcut.finish', keys: ['Enter'] },
  { name: 'shortcut.takeBack', keys: ['Backspace'] },
  { name: 'shortcut.abort', keys: ['Esc'] },
  { name: 'shortcut.help', keys: ['?'] },
]

const SLIDER_KEYS = new Set(['ArrowUp', 'ArrowDown', 'ArrowLeft', 'ArrowRight', 'PageUp', 'PageDown', 'Home', 'End'])

/** The digit 1-8 that was meant, 0 for none: on a French keyboard the digit keys give other signs without Shift. */
function digitOf(event: KeyboardEvent, taken: Record<string, unknown>): number {
  if (/^[1-8]$/.test(event.key)) return Number(event.key)
  const place = /^Digit([1-8])$/.exec(event.code)?.[1]
  return place === undefined || event.key in taken ? 0 : Number(place)
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  return target.matches('input:not([type="range"], [type="checkbox"]), select, textarea, [contenteditable]')
}

/** Keys of the viewer, as long as it is on the screen. */
export function useShortcuts(options: { help: () => void; mayDraw: () => boolean }): void {
  const viewer = useViewer()
  const drawing = useDrawing()
  const layers = useLayers()
  const history = useHistory()
  const review = useReview()
  const reviewing = useReviewing()

  const scroll = (steps: number) => (): void => viewer.moveTo(viewer.active, viewer.position[viewer.active] + steps)
  const last = (): number => (viewer.image === null ? 0 : extent(viewer.image, viewer.active) - 1)

  function abort(): void {
    viewer.ask('abort')
    drawing.selected = null
  }

  function remove(): void {
    if (!viewer.isBusy()) drawing.removeSelected()
  }

  /** What is selected is accepted or rejected by whoever reviews the image. */
  const judge = (verdict: 'accept' | 'reject') => (): void => {
    const { selection } = drawing
    if (selection !== null && review.mine && !viewer.isBusy()) void reviewing[verdict](selection)
  }

  const plain: Record<string, () => void> = {
    ArrowUp: scroll(-1),
    ArrowDown: scroll(1),
    PageUp: scroll(-10),
    PageDown: scroll(10),
    Home: () => viewer.moveTo(viewer.active, 0),
    End: () => viewer.moveTo(viewer.active, last()),
    Escape: abort,
    Enter: () => viewer.ask('finish'),
    Delete: remove,
    Backspace: () => (viewer.sketching === null ? remove() : history.undo()),
    '+': () => viewer.ask('zoomIn'),
    '=': () => viewer.ask('zoomIn'),
    '-': () => viewer.ask('zoomOut'),
    f: () => viewer.ask('fit'),
    m: () => viewer.axes.length > 1 && viewer.maximise(viewer.active),
    i: () => (viewer.inverted = !viewer.inverted),
    s: () => (layers.hidden = !layers.hidden),
    x: () => (viewer.crosshair = !viewer.crosshair),
    [REVIEW_KEYS.accept]: judge('accept'),
    [REVIEW_KEYS.reject]: judge('reject'),
    [REVIEW_KEYS.next]: () => review.mine && reviewing.next(),
    '?': options.help,
  }
  for (const tool of TOOLS) {
    plain[TOOL_KEYS[tool]] = () => {
      if (!drawsShape(tool) || options.mayDraw()) viewer.useTool(tool)
    }
  }

  function undoOrRedo(event: KeyboardEvent): boolean {
    const key = event.key.toLowerCase()
    if (key === 'y' || (key === 'z' && event.shiftKey)) history.redo()
    else if (key === 'z') history.undo()
    else return false
    return true
  }

  function pressed(event: KeyboardEvent): void {
    if (event.defaultPrevented) return
    // A list to choose from takes letters, but has nothing of its own to undo.
    const choosing = event.target instanceof HTMLElement && event.target.matches('select')
    if (isTyping(event.target) && !(choosing && (event.ctrlKey || event.metaKey))) return
    if (event.ctrlKey || event.metaKey) {
      if (undoOrRedo(event)) event.preventDefault()
      return
    }
    if (event.altKey) return
    // Enter and the arrows belong to a button or a slider that has the focus; Enter to a drawing under way first.
    const focused = event.target instanceof HTMLElement && event.target.matches('button, a, input, summary')
    const finishing = event.key === 'Enter' && viewer.sketching !== null
    if (focused && !finishing && (event.key === 'Enter' || event.key === ' ')) return
    if (focused && SLIDER_KEYS.has(event.key) && event.target.matches('[type="range"]')) return
    const preset = viewer.presets[digitOf(event, plain) - 1]
    const action = preset === undefined ? plain[event.key] ?? plain[event.key.toLowerCase()] : () => viewer.usePreset(preset)
    if (action === undefined) return
    event.preventDefault()
    action()
  }

  onMounted(() => window.addEventListener('keydown', pressed))
  onBeforeUnmount(() => window.removeEventListener('keydown', pressed))
}
