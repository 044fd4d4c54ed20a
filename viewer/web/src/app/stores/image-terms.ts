import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import * as api from '@/api/routes'
import { useLayers } from '@/app/stores/layers'
import type { ImageProperty, ImageTerm } from '@/domain/annotation'

/** What is said of the open image as a whole. */
export const useImageTerms = defineStore('image-terms', () => {
  const given = shallowRef<readonly ImageTerm[]>([])
  const said = shallowRef<readonly ImageProperty[]>([])
  const layers = useLayers()
  /** The image that was asked for last. */
  let shown: number | null = null
  let before: Promise<unknown> = Promise.resolve()

  async function load(image: number, signal?: AbortSignal): Promise<void> {
    shown = image
    const [terms, properties] = await Promise.all([api.imageTerms(image, signal), api.imageProperties(image, signal)])
    if (shown === image) [given.value, said.value] = [terms, properties]
  }

  /** Give or take a term once everything that was asked for earlier is done: the last wish is the one that counts. */
  function set(image: number, term: number, wanted: boolean): Promise<void> {
    const now = before.then(async () => {
      await api.setImageTerm(image, term, wanted)
      // The first term of a member makes the member's layer.
      if (layers.own === null) await layers.refresh(image)
      if (shown === image) given.value = await api.imageTerms(image)
    })
    before = now.catch(() => undefined)
    return now
  }

  return { given, said, load, set }
})
