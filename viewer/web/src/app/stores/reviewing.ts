import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import * as api from '@/api/review'
import { useDrawing } from '@/app/stores/drawing'
import { useLayers } from '@/app/stores/layers'
import { useNotices } from '@/app/stores/notices'
import { useReview } from '@/app/stores/review'
import { useViewer } from '@/app/stores/viewer'
import type { Annotation, Layer } from '@/domain/annotation'
import { failureOf } from '@/domain/failure'
import { copiesByParent, isCopy, isCorrected, nextWaiting, standingsOf } from '@/domain/review'
import type { Standing } from '@/domain/review'

/** What a reviewer is asked before it is done: something would be lost, or left out. */
export type Question =
  | { readonly kind: 'validate'; readonly n: number }
  | { readonly kind: 'reject'; readonly copy: Annotation }
  | { readonly kind: 'rejectLayer'; readonly layer: Layer; readonly n: number; readonly corrected: number }

/** What a reviewer does with the annotations of the open image. */
export const useReviewing = defineStore('reviewing', () => {
  const busy = ref(false)
  const question = shallowRef<Question | null>(null)
  const drawing = useDrawing()
  const layers = useLayers()
  const notices = useNotices()
  const review = useReview()
  const viewer = useViewer()

  const standings = computed(() => standingsOf(drawing.all))
  const copies = computed(() => copiesByParent(drawing.all))
  const waiting = computed(() => drawing.all.filter(({ key }) => standings.value.get(key) === 'waiting'))
  const accepted = computed(() => drawing.all.filter(isCopy))

  const standingOf = ({ key }: Annotation): Standing => standings.value.get(key) ?? 'waiting'

  /** The reviewed copy that an annotation is, or that was made of it. */
  function copyOf(annotation: Annotation): Annotation | null {
    if (isCopy(annotation)) return annotation
    return annotation.id === null ? null : (copies.value.get(annotation.id) ?? null)
  }

  function isChanged(copy: Annotation): boolean {
    // Most copies are as they were made: what they were made of is looked for only where it matters.
    return (copy.version ?? 0) > 0 && isCorrected(copy, drawing.all.find(({ id }) => id !== null && id === copy.parent))
  }

  const mayAccept = (annotation: Annotation | null): boolean =>
    review.mine && annotation !== null && ['waiting', 'reviewed'].includes(standingOf(annotation))
  const mayReject = (annotation: Annotation | null): boolean => review.mine && annotation !== null && copyOf(annotation) !== null

  /** Whether an original is to be seen no more because its reviewed copy lies over it. */
  function isCovered(annotation: Annotation): boolean {
    const copy = isCopy(annotation) ? null : copyOf(annotation)
    return copy !== null && layers.showingOf(copy.layer).visible && drawing.selected !== annotation.key
  }

  /** What lies in a layer, and how far the review of it is. */
  function progressOf(layer: number): { waiting: number; copies: readonly Annotation[] } {
    const held = drawing.all.filter((annotation) => annotation.layer === layer && !isCopy(annotation))
    return {
      waiting: held.filter((annotation) => standingOf(annotation) === 'waiting').length,
      copies: held.flatMap((annotation) => copyOf(annotation) ?? []),
    }
  }

  /**
   * Ask the server for a change once all that was drawn is saved, and show it.
   *
   * `work` gives what is to be shown, which is left where another image was opened meanwhile.
   */
  async function attempt(work: (image: number) => Promise<() => Promise<void> | void>): Promise<void> {
    const image = review.image
    if (image === null || busy.value || viewer.isBusy()) return
    busy.value = true
    try {
      if (!(await drawing.settled())) notices.said('reviewing.unsaved')
      else {
        const show = await work(image)
        if (image === review.image) await show()
      }
    } catch (error) {
      if (image === review.image) await refused(image, error)
    } finally {
      busy.value = false
    }
  }

  /** Say why the server refused, and show what it has: somebody was quicker. */
  async function refused(image: number, error: unknown): Promise<void> {
    const { kind } = failureOf(error)
    try {
      if (kind === 'conflict') await review.explain()
      else notices.failed(error)
      if (kind === 'conflict' || kind === 'absent') await read(image)
    } catch (other) {
      notices.failed(other)
    }
  }

  /** Show the reviewed copies as the server has them. */
  async function read(image: number): Promise<void> {
    const found = await api.copies(image)
    if (image !== review.image) return
    const known = new Set(found.map(({ key }) => key))
    drawing.drop(accepted.value.filter(({ key }) => !known.has(key)))
    await take(image, found)
  }

  /** Show reviewed copies; the first one made their layer. */
  async function take(image: number, made: readonly Annotation[]): Promise<void> {
    await refreshLayers(image, made)
    if (image === review.image) drawing.adopt(made)
  }

  async function refreshLayers(image: number, made: readonly Annotation[]): Promise<void> {
    if (made.some(({ layer }) => !layers.layers.some(({ id }) => id === layer))) await layers.refresh(image)
  }

  const start = (): Promise<void> => attempt(async (image) => {
    const begun = await api.start(image)
    const found = await api.copies(image)
    return async () => {
      await review.set(image, begun)
      await take(image, found)
    }
  })

  /** Validate; where something waits still, that is asked first. */
  function validate(): void {
    if (waiting.value.length > 0) question.value = { kind: 'validate', n: waiting.value.length }
    else void validateNow()
  }

  const validateNow = (): Promise<void> => attempt(async (image) => {
    const ended = await api.validate(image)
    return () => review.set(image, ended)
  })

  /** Take back that the image counts as reviewed, or else that its review began. */
  const takeBack = (): Promise<void> => attempt(async (image) => {
    const before = await api.takeBack(image)
    return async () => {
      await review.set(image, before)
      await read(image)
    }
  })

  async function accept(annotation: Annotation): Promise<void> {
    if (!mayAccept(annotation)) return
    await attempt(async (image) => {
      // Saved just now, it has got its number since.
      const saved = drawing.drawings.get(annotation.key)?.id ?? null
      if (saved === null) return () => undefined
      const made = await api.accept(saved)
      return async () => {
        await refreshLayers(image, [made])
        if (image !== review.image) return
        drawing.accepted(made)
        if (drawing.selected === annotation.key) drawing.selected = made.key
      }
    })
  }

  /** Reject an annotation, or the copy of it; where the copy was corrected, that is asked first. */
  function reject(annotation: Annotation): void {
    const copy = copyOf(annotation)
    if (copy === null || !mayReject(annotation)) return
    if (isChanged(copy)) question.value = { kind: 'reject', copy }
    else void rejectNow(copy)
  }

  const rejectNow = (copy: Annotation): Promise<void> => attempt(async () => {
    const command = await api.reject(copy.id ?? 0)
    return () => {
      const chosen = drawing.selected === copy.key
      drawing.rejected(drawing.drawings.get(copy.key) ?? copy, command)
      if (chosen) drawing.selected = drawing.all.find(({ id }) => id !== null && id === copy.parent)?.key ?? null
    }
  })

  const acceptLayer = (layer: Layer): Promise<void> => attempt(async (image) => {
    const made = await api.acceptLayer(image, layer.id)
    return () => take(image, made)
  })

  /** Reject all that was accepted of a layer, after a question. */
  function rejectLayer(layer: Layer): void {
    const { copies: made } = progressOf(layer.id)
    question.value = { kind: 'rejectLayer', layer, n: made.length, corrected: made.filter(isChanged).length }
  }

  const rejectLayerNow = (layer: Layer): Promise<void> => attempt(async (image) => {
    const gone = await api.rejectLayer(image, layer.id)
    return () => drawing.drop(gone)
  })

  /** What was asked about is meant. */
  async function confirm(): Promise<void> {
    const asked = question.value
    question.value = null
    switch (asked?.kind) {
      case 'validate':
        return validateNow()
      case 'reject':
        return rejectNow(asked.copy)
      case 'rejectLayer':
        return rejectLayerNow(asked.layer)
    }
  }

  /** Go to the next annotation that waits, and select it. */
  function next(): void {
    if (viewer.isBusy()) return
    const here = { axis: viewer.active, index: viewer.position[viewer.active], t: viewer.t, c: viewer.c }
    // Whoever scrolled on means from here on.
    const chosen = drawing.selection !== null && viewer.shows(drawing.selection) ? drawing.selection : null
    const found = nextWaiting(waiting.value, here, chosen)
    if (found === null) {
      notices.good('reviewing.nothingWaits')
      return
    }
    layers.hidden = false
    if (found.layer !== null && !layers.showingOf(found.layer).visible) layers.showLayer(found.layer, { visible: true })
    viewer.goTo(found)
    viewer.useTool('select')
    drawing.selected = found.key
  }

  return {
    question, waiting, accepted, standingOf, copyOf, mayAccept, mayReject, isCovered, progressOf,
    start, validate, takeBack, accept, reject, acceptLayer, rejectLayer, confirm, keep: () => (question.value = null), next,
  }
})
