import type { Arriving, OpenUpload } from '@/domain/sending'

/** One small file that goes together with others. */
export interface SmallFile {
  readonly path: string
  readonly said: string
  readonly bytes: Blob
}

export type Sent = (bytes: number) => void

/** What a sender asks the server for; each fails with a `FailureError`, or is aborted. */
export interface Transport {
  mine(signal: AbortSignal): Promise<readonly OpenUpload[]>
  open(signal: AbortSignal): Promise<number>
  files(upload: number, signal: AbortSignal): Promise<readonly Arriving[]>
  /** Small files of an upload in one request; sent again under the same tokens they are there once. */
  add(upload: number, files: readonly SmallFile[], sent: Sent, signal: AbortSignal): Promise<void>
  /** Announce a file that comes in pieces; gives where it goes. */
  announce(length: number, said: string, signal: AbortSignal): Promise<string>
  /** Where a file of an upload goes that was announced before. */
  locate(upload: number, file: number): string
  /** How much of a file is there. */
  offset(location: string, signal: AbortSignal): Promise<number>
  /** The next piece of a file; gives how much of it is there then. */
  send(location: string, offset: number, bytes: Blob, sent: Sent, signal: AbortSignal): Promise<number>
  remove(location: string, signal: AbortSignal): Promise<void>
  /** Have all of it ingested; gives the job. */
  submit(upload: number, signal: AbortSignal): Promise<number>
}
