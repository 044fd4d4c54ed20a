import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import { failureOf, isAbort } from '@/domain/failure'
import type { Failure } from '@/domain/failure'

export interface Notice {
  readonly id: number
  readonly tone: 'good' | 'bad'
  /** Key of the translations, or null where a failure says it. */
  readonly text: string | null
  readonly failure: Failure | null
  /** The number that the text tells. */
  readonly n?: number
  /** The name that the text tells. */
  readonly name?: string
}

const STAYS = 6000
/** For what takes longer to read. */
export const STAYS_LONG = 10_000

export const useNotices = defineStore('notices', () => {
  const notices = ref<Notice[]>([])
  /** The open dialogs, the last one on top: whatever lies outside of it is covered. */
  const dialogs = shallowRef<readonly HTMLElement[]>([])
  const top = computed(() => dialogs.value.at(-1) ?? null)
  let next = 1

  function add(notice: Omit<Notice, 'id'>, stays = STAYS): void {
    const id = next++
    notices.value = [...notices.value.slice(-3), { ...notice, id }]
    setTimeout(() => dismiss(id), stays)
  }

  function dismiss(id: number): void {
    notices.value = notices.value.filter((notice) => notice.id !== id)
  }

  function good(text: string, stays = STAYS): void {
    add({ tone: 'good', text, failure: null }, stays)
  }

  /** Say into how many parts the server cut a drawing that crossed itself. */
  function split(n: number): void {
    add({ tone: 'good', text: 'drawing.split', failure: null, n })
  }

  /** Say of how many something did not come true. */
  function counted(text: string, n: number): void {
    add({ tone: 'bad', text, failure: null, n }, STAYS_LONG)
  }

  /** Say once why nothing happened. */
  function said(text: string, name = ''): void {
    const known = notices.value.some((notice) => notice.text === text && notice.name === name)
    if (!known) add({ tone: 'bad', text, failure: null, name })
  }

  /** Take back what has lost its cause. */
  function settled(texts: readonly string[]): void {
    if (notices.value.some(({ text }) => texts.includes(text ?? ''))) {
      notices.value = notices.value.filter(({ text }) => !texts.includes(text ?? ''))
    }
  }

  /** Say what went wrong; an ended session says it by itself. */
  function failed(error: unknown): void {
    const failure = failureOf(error)
    const known = notices.value.some((notice) => notice.failure?.kind === failure.kind)
    if (isAbort(error) || failure.kind === 'signed-out' || known) return
    add({ tone: 'bad', text: null, failure })
  }

  function enter(dialog: HTMLElement): void {
    dialogs.value = [...dialogs.value, dialog]
  }

  function leave(dialog: HTMLElement): void {
    dialogs.value = dialogs.value.filter((other) => other !== dialog)
  }

  return { notices, top, enter, leave, good, split, counted, said, settled, failed, dismiss }
})
