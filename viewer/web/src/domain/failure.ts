/** Everything that can go wrong between the page and the server, as one tagged union. */
export type Failure =
  | { readonly kind: 'offline' }
  | { readonly kind: 'signed-out' }
  | { readonly kind: 'forbidden'; readonly message: string }
  | { readonly kind: 'absent' }
  | { readonly kind: 'conflict'; readonly message: string; readonly revision: number | null }
  | { readonly kind: 'refused'; readonly message: string; readonly status: number }
  | { readonly kind: 'broken'; readonly status: number }

export class FailureError extends Error {
  constructor(readonly failure: Failure) {
    super(failure.kind)
    this.name = 'FailureError'
  }
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError'
}

/** The failure behind any caught error; what we do not know is called broken. */
export function failureOf(error: unknown): Failure {
  return error instanceof FailureError ? error.failure : { kind: 'broken', status: 0 }
}
