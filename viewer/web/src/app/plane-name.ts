import { useI18n } from 'vue-i18n'
import type { PlaneFrame } from '@/geometry/frame'

/** Says which plane of the body a frame shows; a picture that lies nowhere in it is just an image. */
export function usePlaneName(): (frame: PlaneFrame) => string {
  const { t } = useI18n()
  return ({ name }) => (name === null ? t('plane.flat') : t(`plane.${name}`))
}
