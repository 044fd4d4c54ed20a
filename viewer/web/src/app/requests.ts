import { onBeforeUnmount } from 'vue'

export interface Requests {
  readonly signal: AbortSignal
  /** Give up what was asked for so far. */
  renew(): AbortSignal
}

/** What a component asks the server for; it is given up with the component. */
export function useRequests(): Requests {
  let current = new AbortController()

  function renew(): AbortSignal {
    current.abort()
    current = new AbortController()
    return current.signal
  }

  onBeforeUnmount(() => current.abort())
  return {
    get signal() {
      return current.signal
    },
    renew,
  }
}
