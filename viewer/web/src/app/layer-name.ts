import { useI18n } from 'vue-i18n'
import { useLayers } from '@/app/stores/layers'
import type { Layer } from '@/domain/annotation'

/** What a layer is called in the language of the page. */
export function useLayerName(): (layer: Layer) => string {
  const { t } = useI18n()
  const layers = useLayers()
  return (layer) => {
    if (layer.kind === 'review') return t('layers.copies')
    return layer.id === layers.own?.id ? t('layers.mine') : layer.name
  }
}
