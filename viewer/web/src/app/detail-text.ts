import { useI18n } from 'vue-i18n'
import { detailParts } from '@/domain/held-detail'

/** What the server says of a held file, in the language of the page as far as the page has it. */
export function useDetailText(): (detail: string) => string {
  const { t } = useI18n()
  return (detail) => detailParts(detail).map((part) => ('name' in part ? t(`held.details.${part.name}`) : part.text)).join(' · ')
}
