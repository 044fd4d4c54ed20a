import { useI18n } from 'vue-i18n'
import type { Failure } from '@/domain/failure'

/** Says a failure in the reader's language; what the server adds follows after it. */
export function useFailureText(): (failure: Failure) => string {
  const { t } = useI18n()
  return (failure) => {
    const said = t(`failure.${failure.kind}`)
    const more = 'message' in failure ? failure.message : ''
    return more === '' ? said : `${said} (${more})`
  }
}
