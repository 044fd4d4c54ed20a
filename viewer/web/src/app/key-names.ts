import { useI18n } from 'vue-i18n'

const NAMED: ReadonlySet<string> = new Set(['PgUp', 'PgDn', 'Home', 'End', 'Shift', 'Del', 'Backspace', 'Enter', 'Esc'])

/** What stands on a key of the reader's keyboard. */
export function useKeyName(): (key: string) => string {
  const { t } = useI18n()
  return (key) => (NAMED.has(key) ? t(`key.${key}`) : key)
}
