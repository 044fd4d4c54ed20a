import { FailureError, failureOf } from '@/domain/failure'
import { BEGINNING, PIECE, SMALL, cutRuns, matchFiles, writeMetadata } from '@/domain/sending'
import type { Arriving, Chosen, Phase, Progress } from '@/domain/sending'
import { GivenUpError, Patience } from '@/sending/patience'
import type { SmallFile, Transport } from '@/sending/transport'
import { crc32c } from '@/sources/crc32c'

/** Requests at a time: browsers hold six to one server, and the page needs some for itself. */
const LANES = 3

interface Item {
  readonly chosen: Chosen
  /** The sender's own word for it: announced twice it is one file. */
  readonly token: string
  fingerprint: string
  location: string | null
  offset: number
  whole: boolean
  unread: boolean
}

/** Takes an upload for this page alone; gives what lets go of it, or null where another page has it. */
export type Hold = (upload: number) => Promise<(() => void) | null>

/** Sends chosen files as one upload, from where an earlier sending of the same files ended. */
export class Sender {
  upload: number | null = null
  private readonly patience: Patience
  private readonly items: readonly Item[]
  private readonly moving = new Map<object, number>()
  private stage: Phase = 'preparing'
  private readonly bytes: number
  private settled = 0
  private done = 0
  private already = 0
  private others = 0
  /** Whether something was announced to the upload before. */
  private found = false
  private release: () => void = () => undefined

  constructor(
    chosen: readonly Chosen[],
    private readonly transport: Transport,
    private readonly hold: Hold,
    private readonly tell: (progress: Progress) => void,
    pace = 1,
  ) {
    this.patience = new Patience(() => this.report(), pace)
    this.items = chosen.map((one) => ({
      chosen: one, token: tokenOf(), fingerprint: '', location: null, offset: 0, whole: false, unread: false,
    }))
    this.bytes = chosen.reduce((sum, { file }) => sum + file.size, 0)
  }

  /** Files that could not be read any more when their turn came. */
  get unread(): readonly string[] {
    return this.items.filter(({ unread }) => unread).map(({ chosen }) => chosen.path)
  }

  pause(): void {
    this.patience.pause()
  }

  goOn(): void {
    this.patience.goOn()
  }

  /** The network or the member is back: try at once what waited for them; a pause stays one. */
  wake(): void {
    this.patience.wake()
  }

  giveUp(): void {
    this.patience.giveUp()
    this.release()
  }

  /** Send all; gives the job, or null where files could not be read and somebody has to say whether to leave them out. */
  async run(): Promise<number | null> {
    this.report()
    const upload = await this.findUpload()
    this.upload = upload
    this.stage = 'sending'
    this.report()
    const left = this.items.filter(({ whole }) => !whole)
    const runs = [...cutRuns(left, (item) => (item.location === null ? item.chosen.file.size : SMALL + 1))]
    const work = async (): Promise<void> => {
      for (let run = runs.shift(); run !== undefined; run = runs.shift()) await this.sendRun(upload, run)
    }
    await Promise.all(Array.from({ length: LANES }, work))
    if (this.unread.length > 0) {
      this.stage = 'unread'
      this.report()
      return null
    }
    return await this.submit()
  }

  /** Have what is there ingested. */
  async submit(): Promise<number> {
    const { upload } = this
    if (upload === null) throw new GivenUpError()
    this.stage = 'ending'
    this.report()
    if (this.found || this.unread.length > 0) await this.removePartial(upload)
    const job = await this.patience.insist((signal) => this.transport.submit(upload, signal))
    this.release()
    this.stage = 'ended'
    this.report()
    return job
  }

  private report(): void {
    const { hindrance } = this.patience
    const busy = this.stage === 'preparing' || this.stage === 'sending' || this.stage === 'ending'
    const moving = [...this.moving.values()].reduce((sum, part) => sum + part, 0)
    this.tell({
      phase: busy && hindrance !== 'none' ? hindrance : this.stage,
      bytes: this.bytes,
      sent: Math.min(this.settled + moving, this.bytes),
      files: this.items.length,
      done: this.done,
      already: this.already,
      others: this.others,
    })
  }

  /** Note how much of a file is there. */
  private settle(item: Item, offset: number, whole = offset === item.chosen.file.size): void {
    this.settled += offset - item.offset
    this.done += Number(whole) - Number(item.whole)
    item.offset = offset
    item.whole = whole
  }

  /** An open upload that has some of the chosen files, or a new one. */
  private async findUpload(): Promise<number> {
    const open = await this.patience.insist((signal) => this.transport.mine(signal))
    if (open.length > 0) await Promise.all(this.items.map((item) => this.takeFingerprint(item)))
    for (const { id } of [...open].reverse()) {
      const release = await this.hold(id)
      if (release === null) continue
      const there = await this.patience.insist((signal) => this.transport.files(id, signal))
      if (this.takeUp(id, there)) {
        this.release = release
        return id
      }
      release()
    }
    const id = await this.patience.insist((signal) => this.transport.open(signal))
    this.release = (await this.hold(id)) ?? this.release
    return id
  }

  /** Go on with an upload that has some of the chosen files; tells whether it has. */
  private takeUp(upload: number, there: readonly Arriving[]): boolean {
    const known = this.items.map(({ chosen, fingerprint }) => ({ path: chosen.path, size: chosen.file.size, fingerprint }))
    const matched = matchFiles(known, there)
    for (const [place, file] of matched) {
      const item = this.items[place]
      if (item === undefined) continue
      item.location = this.transport.locate(upload, file.id)
      this.settle(item, file.offset, file.whole)
    }
    this.found = there.length > 0
    this.already = [...matched.values()].filter(({ whole }) => whole).length
    this.others = there.filter(({ whole }) => whole).length - this.already
    return matched.size > 0
  }

  private async takeFingerprint(item: Item): Promise<void> {
    if (item.fingerprint !== '') return
    const { file } = item.chosen
    const start = await read(item, file.slice(0, BEGINNING))
    if (start !== null) item.fingerprint = fingerprintOf(file, new Uint8Array(start))
  }

  private async sendRun(upload: number, run: readonly Item[]): Promise<void> {
    const [first] = run
    if (first === undefined) return
    if (run.length === 1 && (first.location !== null || first.chosen.file.size > SMALL)) await this.sendLarge(upload, first)
    else await this.sendSmall(upload, run)
    this.report()
  }

  private async sendSmall(upload: number, run: readonly Item[]): Promise<void> {
    await this.patience.insist(async (signal) => {
      // Looked at for each try: what has changed meanwhile would fail like a lost connection, for ever.
      const files = (await Promise.all(run.map((item) => this.small(item)))).filter((file) => file !== null)
      if (files.length > 0) await this.counted((sent) => this.transport.add(upload, files, sent, signal))
    })
    for (const item of run) if (!item.unread) this.settle(item, item.chosen.file.size)
  }

  private async small(item: Item): Promise<SmallFile | null> {
    const { file, path } = item.chosen
    const start = await read(item, file.slice(0, BEGINNING))
    if (start === null) return null
    item.fingerprint = fingerprintOf(file, new Uint8Array(start))
    const { token, fingerprint } = item
    return { path, said: writeMetadata({ length: String(file.size), token, fingerprint }), bytes: file }
  }

  private async sendLarge(upload: number, item: Item): Promise<void> {
    const { size } = item.chosen.file
    await this.takeFingerprint(item)
    if (item.unread) return
    const { token, fingerprint } = item
    const said = writeMetadata({ filename: item.chosen.path, upload: String(upload), token, fingerprint })
    const location = item.location ?? (await this.patience.insist((signal) => this.transport.announce(size, said, signal)))
    item.location = location
    let sure = true
    while (item.offset < size) {
      await this.patience.insist(async (signal) => {
        const piece = item.chosen.file.slice(item.offset, item.offset + PIECE)
        if ((await read(item, piece.slice(0, 1))) === null) return
        // What came of a request whose answer was lost, only the server knows.
        if (!sure) {
          const there = await this.transport.offset(location, signal)
          sure = true
          if (there !== item.offset) {
            this.settle(item, there)
            return
          }
        }
        sure = false
        const there = await this.counted((sent) => this.transport.send(location, item.offset, piece, sent, signal)).catch(mismatch)
        this.settle(item, there)
        sure = true
      })
      if (item.unread) return
      this.report()
    }
    this.settle(item, size)
  }

  /** Do what sends bytes, counting those on their way until it is over. */
  private async counted<Value>(work: (sent: (bytes: number) => void) => Promise<Value>): Promise<Value> {
    const key = {}
    try {
      return await work((bytes) => {
        this.moving.set(key, bytes)
        this.report()
      })
    } finally {
      this.moving.delete(key)
    }
  }

  /** What came in part before and was not chosen now, or cannot be read, never becomes whole. */
  private async removePartial(upload: number): Promise<void> {
    const there = await this.patience.insist((signal) => this.transport.files(upload, signal)).catch(goneOn)
    for (const { id, whole } of there) {
      if (!whole) await this.patience.insist((signal) => this.transport.remove(this.transport.locate(upload, id), signal))
    }
  }
}

/** The upload takes no more files: it was submitted, and the answer was lost. */
function goneOn(error: unknown): readonly Arriving[] {
  if (failureOf(error).kind !== 'conflict') throw error
  return []
}

/** The server is elsewhere in the file: asked for its offset, the sender goes on there. */
function mismatch(error: unknown): never {
  if (failureOf(error).kind === 'conflict') throw new FailureError({ kind: 'refused', message: '', status: 423 })
  throw error
}

/** The bytes, or null where a file cannot be read any more: it was changed, moved or deleted since it was chosen. */
async function read(item: Item, blob: Blob): Promise<ArrayBuffer | null> {
  try {
    return await blob.arrayBuffer()
  } catch {
    item.unread = true
    return null
  }
}

function fingerprintOf(file: File, start: Uint8Array): string {
  return `${file.lastModified}-${crc32c(start).toString(16)}`
}

function tokenOf(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
