import { useI18n } from 'vue-i18n'
import type { Image } from '@/domain/image'

/** Says why the planes of an image form no regular grid; empty where they do. */
export function useIrregularities(): (image: Pick<Image, 'irregularities'>) => string {
  const { t, te } = useI18n()
  return ({ irregularities }) => irregularities.map((one) => (te(`viewer.irregularities.${one}`) ? t(`viewer.irregularities.${one}`) : one)).join(', ')
}
