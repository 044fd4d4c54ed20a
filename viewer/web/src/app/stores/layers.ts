import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import * as api from '@/api/routes'
import { useSession } from '@/app/stores/session'
import type { Hand } from '@/core/overlay'
import type { Annotation, Layer, Segmentation } from '@/domain/annotation'
import type { Image } from '@/domain/image'
import type { PixelAccess } from '@/domain/project'
import { isCopy } from '@/domain/review'
import { SegmentationSource } from '@/sources/source'

export interface Showing {
  readonly visible: boolean
  readonly opacity: number
}

/** A layer that was made after the names were read. */
const UNKNOWN: Layer = { id: 0, name: '?', kind: 'member', user: null }
const REVIEW: Layer = { id: 0, name: 'review', kind: 'review', user: null }
const SHOWN: Showing = { visible: true, opacity: 1 }

/** Whose drawings and segmentations are on the open image, and which of them are shown. */
export const useLayers = defineStore('layers', () => {
  const layers = shallowRef<readonly Layer[]>([])
  const segmentations = shallowRef<readonly Segmentation[]>([])
  const sources = shallowRef<ReadonlyMap<number, SegmentationSource>>(new Map())
  const layerShowing = ref<Record<number, Showing>>({})
  const segmentationShowing = ref<Record<number, Showing>>({})
  const hidden = ref(false)
  const session = useSession()

  /** The layer of whoever looks; null until they draw on the image. */
  const own = computed(() => layers.value.find(({ user }) => user !== null && user === session.user?.id) ?? null)

  const shownSegmentations = computed(() =>
    segmentations.value.filter(({ id, layer }) => showingOf(layer).visible && segmentationShowingOf(id).visible),
  )

  function showingOf(layer: number | null): Showing {
    if (hidden.value) return { visible: false, opacity: 0 }
    return layer === null ? SHOWN : layerShowingOf(layer)
  }

  /** How a layer is shown while layers are shown at all. */
  function layerShowingOf(id: number): Showing {
    return layerShowing.value[id] ?? SHOWN
  }

  function segmentationShowingOf(id: number): Showing {
    return segmentationShowing.value[id] ?? SHOWN
  }

  /** The layer of somebody else, a model or a source that a drawing lies in; null where it is one's own. */
  function othersOf(annotation: Annotation): Layer | null {
    // A reviewed copy names who drew what it was made of, and is theirs no more.
    if (isCopy(annotation)) return layers.value.find(({ id }) => id === annotation.layer) ?? REVIEW
    if (annotation.user !== null && annotation.user === session.user?.id) return null
    return layers.value.find(({ id }) => id === annotation.layer) ?? UNKNOWN
  }

  /** Who made what lies in a layer; it shows in how it is drawn. */
  function handOf(layer: number | null): Hand {
    return layers.value.find(({ id }) => id === layer)?.kind === 'model' ? 'model' : 'member'
  }

  /** Voxels of segmentations are exact values, so a project of pictures only names them. */
  async function open(image: Image, access: PixelAccess, signal: AbortSignal): Promise<void> {
    close()
    const [foundLayers, found] = await Promise.all([api.layers(image.id, signal), api.segmentations(image.id, signal)])
    layers.value = foundLayers
    segmentations.value = found
    sources.value = new Map(access === 'full' ? found.map(({ id }) => [id, new SegmentationSource(id)]) : [])
  }

  /** Read the names again, e.g. after the first drawing made a layer. */
  async function refresh(imageId: number): Promise<void> {
    layers.value = await api.layers(imageId)
  }

  function close(): void {
    layers.value = []
    segmentations.value = []
    sources.value = new Map()
    layerShowing.value = {}
    segmentationShowing.value = {}
    hidden.value = false
  }

  /** Show or hide one layer; where all are hidden, all are shown again, this one with them. */
  function toggleLayer(id: number): void {
    showLayer(id, { visible: hidden.value || !layerShowingOf(id).visible })
    hidden.value = false
  }

  function toggleSegmentation(id: number): void {
    showSegmentation(id, { visible: hidden.value || !segmentationShowingOf(id).visible })
    hidden.value = false
  }

  function showLayer(id: number, change: Partial<Showing>): void {
    layerShowing.value[id] = { ...layerShowingOf(id), ...change }
  }

  function showSegmentation(id: number, change: Partial<Showing>): void {
    segmentationShowing.value[id] = { ...segmentationShowingOf(id), ...change }
  }

  return {
    layers, own, segmentations, sources, shownSegmentations, hidden, layerShowing, segmentationShowing,
    showingOf, layerShowingOf, othersOf, handOf, segmentationShowingOf, open, refresh, close, toggleLayer, toggleSegmentation, showLayer,
  }
})
