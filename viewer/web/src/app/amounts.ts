import { useI18n } from 'vue-i18n'
import { sizeOf } from '@/domain/held'
import { durationOf } from '@/domain/sending'

/** Says sizes and times as a person reads them, in the language of the page. */
export function useAmounts() {
  const { t, n } = useI18n()

  function size(bytes: number): string {
    const { amount, unit } = sizeOf(bytes)
    return t(`size.${unit}`, { n: n(amount) })
  }

  function duration(seconds: number): string {
    const { amount, unit } = durationOf(seconds)
    return t(`duration.${unit}`, { n: n(amount) })
  }

  return { size, duration }
}
