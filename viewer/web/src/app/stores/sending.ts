import { defineStore } from 'pinia'
import { computed, ref, shallowRef, watch } from 'vue'
import * as api from '@/api/routes'
import { transportTo } from '@/api/transport'
import { useSession } from '@/app/stores/session'
import { failureOf } from '@/domain/failure'
import type { Failure } from '@/domain/failure'
import { addSample, secondsLeft } from '@/domain/sending'
import type { Chosen, Progress, Sample } from '@/domain/sending'
import { GivenUpError } from '@/sending/patience'
import { Sender } from '@/sending/sender'

/** How often what was sent is shown anew, in milliseconds. */
const SHOWN = 200

/** Takes an upload for this page among all windows of the browser, where the browser knows how. */
async function hold(upload: number): Promise<(() => void) | null> {
  // Outside of https browsers have no locks.
  if (!('locks' in navigator)) return () => undefined
  return await new Promise((resolve) => {
    void navigator.locks.request(`imaging-upload-${upload}`, { ifAvailable: true }, (lock) =>
      lock === null ? resolve(null) : new Promise<void>((release) => resolve(release)),
    )
  })
}

/** The one upload that this page sends; it goes on whatever the page shows. */
export const useSending = defineStore('sending', () => {
  const session = useSession()
  const project = ref<number | null>(null)
  const progress = shallowRef<Progress | null>(null)
  const left = ref<number | null>(null)
  const failure = shallowRef<Failure | null>(null)
  const unread = shallowRef<readonly string[]>([])
  /** What takes up the files, once all of them are there. */
  const job = ref<number | null>(null)
  const upload = ref<number | null>(null)
  let sender: Sender | null = null
  let files: readonly Chosen[] = []
  let samples: readonly Sample[] = []
  let shownAt = 0

  const busy = computed(() => progress.value !== null && progress.value.phase !== 'ended' && progress.value.phase !== 'failed')
  /** 0-1. */
  const share = computed(() => (progress.value === null || progress.value.bytes === 0 ? 0 : progress.value.sent / progress.value.bytes))

  function show(told: Progress): void {
    const now = Date.now()
    if (told.phase !== 'sending') samples = []
    else if (progress.value?.phase === 'sending' && now < shownAt + SHOWN && told.done < told.files) return
    shownAt = now
    samples = told.phase === 'sending' ? addSample(samples, { at: now, sent: told.sent }) : samples
    left.value = secondsLeft(samples, told.bytes)
    progress.value = told
  }

  function warn(event: BeforeUnloadEvent): void {
    event.preventDefault()
  }

  const wake = (): void => sender?.wake()

  watch(busy, (sending) => {
    const act = sending ? 'addEventListener' : 'removeEventListener'
    window[act]('beforeunload', warn as EventListener)
    window[act]('online', wake)
  })
  watch(() => session.resumed, wake)

  async function follow(work: Promise<number | null>, mine: Sender): Promise<void> {
    try {
      const ended = await work
      if (mine !== sender) return
      upload.value = mine.upload
      unread.value = mine.unread
      job.value = ended
    } catch (error) {
      if (error instanceof GivenUpError || mine !== sender) return
      mine.giveUp()
      failure.value = failureOf(error)
      if (progress.value !== null) progress.value = { ...progress.value, phase: 'failed' }
    }
  }

  function start(id: number, chosen: readonly Chosen[]): Promise<void> {
    clear()
    project.value = id
    files = chosen
    const mine = new Sender(chosen, transportTo(id), hold, (told) => mine === sender && show(told))
    sender = mine
    return follow(mine.run(), mine)
  }

  /** Once more, from where it failed. */
  function retry(): Promise<void> {
    return project.value === null ? Promise.resolve() : start(project.value, files)
  }

  /** Send the rest without what could not be read. */
  function leaveOut(): Promise<void> {
    return sender === null ? Promise.resolve() : follow(sender.submit(), sender)
  }

  /** Give up and have deleted what arrived; where that fails, it is listed among what has not ended. */
  async function cancel(): Promise<void> {
    const [id, given] = [project.value, sender?.upload ?? null]
    sender?.giveUp()
    clear()
    if (id !== null && given !== null) await api.abandon(id, given)
  }

  function clear(): void {
    sender = null
    files = []
    samples = []
    project.value = left.value = job.value = upload.value = null
    progress.value = failure.value = null
    unread.value = []
  }

  return {
    project, progress, left, failure, unread, job, upload, busy, share,
    start, retry, leaveOut, cancel, clear, pause: () => sender?.pause(), goOn: () => sender?.goOn(),
  }
})
