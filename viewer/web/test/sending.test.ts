import { describe, expect, test } from 'vitest'
import { FailureError } from '@/domain/failure'
import type { Failure } from '@/domain/failure'
import { countOutcomes, showOutcomes } from '@/domain/outcome'
import type { FileOutcome } from '@/domain/outcome'
import {
  PIECE, SMALL, addSample, cutRuns, durationOf, matchFiles, readMetadata, secondsLeft, writeMetadata,
} from '@/domain/sending'
import type { Arriving, Chosen, Phase, Progress } from '@/domain/sending'
import { GivenUpError } from '@/sending/patience'
import { Sender } from '@/sending/sender'
import type { SmallFile, Transport } from '@/sending/transport'

const arriving = (id: number, name: string, length: number, offset: number, fingerprint = 'f'): Arriving => ({
  id, name, length, offset, whole: offset === length, told: new Map([['fingerprint', fingerprint]]),
})

describe('what is sent together', () => {
  test('small files go in runs, each larger one alone', () => {
    const runs = cutRuns([1, 1, SMALL + 1, ...Array.from({ length: 20 }, () => 1)], (size) => size)
    expect(runs.map((run) => run.length)).toEqual([16, 1, 6])
    expect(cutRuns([SMALL, SMALL, SMALL], (size) => size).map((run) => run.length)).toEqual([2, 1])
    expect(cutRuns([], (size: number) => size)).toEqual([])
  })
})

describe('files that are known again', () => {
  const known = (path: string, size = 5, fingerprint = 'f') => ({ path, size, fingerprint })

  test('are those of the same path, size and fingerprint', () => {
    const there = [arriving(1, 'a/1', 5, 5), arriving(2, 'a/2', 5, 3)]
    const found = matchFiles([known('a/2'), known('b/1'), known('a/1', 6), known('a/1', 5, 'g'), known('a/1')], there)
    expect([...found].map(([place, { id }]) => [place, id])).toEqual([[0, 2], [4, 1]])
  })

  test('are not taken for one another where several could be meant', () => {
    expect(matchFiles([known('1'), known('1')], [arriving(1, '1', 5, 5), arriving(2, '1', 5, 2)]).size).toBe(0)
    expect(matchFiles([known('1'), known('1')], [arriving(1, '1', 5, 5)]).size).toBe(0)
    expect(matchFiles([known('1'), known('1')], [arriving(1, '1', 5, 5), arriving(2, '1', 5, 5)]).size).toBe(2)
  })
})

describe('time left', () => {
  test('is told by the pace of the last seconds', () => {
    let samples = addSample([], { at: 0, sent: 0 })
    expect(secondsLeft(samples, 100)).toBeNull()
    samples = addSample(samples, { at: 4000, sent: 20 })
    expect(secondsLeft(samples, 100)).toBe(16)
    samples = addSample(samples, { at: 18_000, sent: 60 })
    expect(samples.map(({ at }) => at)).toEqual([4000, 18_000])
    expect(secondsLeft(addSample([], { at: 1, sent: 1 }), 2)).toBeNull()
  })

  test('is rounded up to what a person reads', () => {
    expect(durationOf(0)).toEqual({ amount: 5, unit: 'seconds' })
    expect(durationOf(41)).toEqual({ amount: 45, unit: 'seconds' })
    expect(durationOf(61)).toEqual({ amount: 2, unit: 'minutes' })
    expect(durationOf(5000)).toEqual({ amount: 1.4, unit: 'hours' })
  })
})

test('metadata is read as it was written', () => {
  const said = { filename: 'PHANTOM^ALPHA/é 1,2.dcm', upload: '7', empty: '' }
  expect(Object.fromEntries(readMetadata(writeMetadata(said)))).toEqual(said)
  expect(writeMetadata({ filename: 'a' })).toBe('filename YQ==')
  expect(readMetadata('').size).toBe(0)
})

test('outcomes are counted, and what is held comes first', () => {
  const one = (name: string, became: FileOutcome['became']): FileOutcome => ({ name, became, image: null, reason: '', detail: '', unmatched: 0 })
  const all = [one('1', 'image'), one('2', 'held'), one('3', 'image')]
  expect(countOutcomes(all)).toEqual([['image', 2], ['held', 1]])
  expect(showOutcomes(all, null).map(({ name }) => name)).toEqual(['2', '1', '3'])
  expect(showOutcomes(all, 'image').map(({ name }) => name)).toEqual(['1', '3'])
})

/** A server in memory, which fails as it is told to. */
class Server implements Transport {
  stored = new Map<number, { path: string; length: number; token: string; said: string; bytes: Uint8Array<ArrayBuffer> }>()
  opened = 0
  submitted = 0
  failures: Failure[] = []
  /** Fail after the work was done: the answer is lost. */
  lost = 0
  asked: string[] = []
  /** From this request to send a piece on, nothing is answered. */
  heldFrom = Infinity

  private async answer<Value>(name: string, signal: AbortSignal, work: () => Value): Promise<Value> {
    this.asked.push(name)
    await Promise.resolve()
    if (this.asked.filter((one) => one === 'send').length >= this.heldFrom) {
      await new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(new DOMException('', 'AbortError'))))
    }
    if (signal.aborted) throw new DOMException('', 'AbortError')
    const failure = this.failures.shift()
    if (failure !== undefined) throw new FailureError(failure)
    const value = work()
    if (this.lost > 0) {
      this.lost -= 1
      throw new FailureError({ kind: 'offline' })
    }
    return value
  }

  private async read(file: Blob): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(await file.arrayBuffer())
  }

  private keep(path: string, length: number, said: string, bytes: Uint8Array<ArrayBuffer>): number {
    const token = readMetadata(said).get('token') ?? ''
    const same = [...this.stored].find(([, file]) => file.token === token)
    if (same !== undefined) return same[0]
    const id = this.stored.size + 10
    this.stored.set(id, { path, length, token, said, bytes })
    return id
  }

  mine = (signal: AbortSignal) => this.answer('mine', signal, () =>
    this.opened > this.submitted ? [{ id: 5, files: 0, announced: this.stored.size, bytes: 0, touched: 0 }] : [])
  open = (signal: AbortSignal) => this.answer('open', signal, () => ((this.opened += 1), 5))
  files = (_: number, signal: AbortSignal) => this.answer('files', signal, () =>
    [...this.stored].map(([id, { path, length, said, bytes }]) => ({ id, name: path, length, offset: bytes.length, whole: bytes.length === length, told: readMetadata(said) })))
  add = async (_: number, files: readonly SmallFile[], sent: (bytes: number) => void, signal: AbortSignal) => {
    const read = await Promise.all(files.map(async ({ path, said, bytes }) => ({ path, said, bytes: await this.read(bytes) })))
    await this.answer('add', signal, () => {
      for (const { path, said, bytes } of read) this.keep(path, bytes.length, said, bytes)
      sent(1)
    })
  }
  announce = (length: number, said: string, signal: AbortSignal) => this.answer('announce', signal, () =>
    `at/${this.keep(readMetadata(said).get('filename') ?? '', length, said, new Uint8Array())}`)
  locate = (_: number, file: number) => `at/${file}`
  private at(location: string) {
    const file = this.stored.get(Number(location.slice(3)))
    if (file === undefined) throw new FailureError({ kind: 'absent' })
    return file
  }
  offset = (location: string, signal: AbortSignal) => this.answer('offset', signal, () => this.at(location).bytes.length)
  send = async (location: string, offset: number, bytes: Blob, sent: (bytes: number) => void, signal: AbortSignal) => {
    const read = await this.read(bytes)
    return await this.answer('send', signal, () => {
      const file = this.at(location)
      if (file.bytes.length !== offset) throw new FailureError({ kind: 'conflict', message: '', revision: null })
      const joined = new Uint8Array(offset + read.length)
      joined.set(file.bytes)
      joined.set(read, offset)
      file.bytes = joined
      sent(read.length)
      return joined.length
    })
  }
  remove = (location: string, signal: AbortSignal) => this.answer('remove', signal, () => void this.stored.delete(Number(location.slice(3))))
  submit = (_: number, signal: AbortSignal) => this.answer('submit', signal, () => ((this.submitted = 1), 99))
}

const chosen = (path: string, size: number, fill = 1): Chosen => ({
  file: new File([new Uint8Array(size).fill(fill)], path, { lastModified: 1000 }), path,
})
const LARGE = PIECE + 1000

function sender(server: Server, files: readonly Chosen[]): { sender: Sender; phases: Phase[]; latest: () => Progress } {
  const told: Progress[] = []
  const made = new Sender(files, server, async () => () => undefined, (progress) => told.push(progress), 0.001)
  return {
    sender: made,
    get phases() { return [...new Set(told.map(({ phase }) => phase))] },
    latest: () => told.at(-1) as Progress,
  }
}

describe('a sender', () => {
  test('sends small files together and large ones in pieces, and has them ingested', async () => {
    const server = new Server()
    const { sender: mine, latest } = sender(server, [chosen('a/1', 10), chosen('a/2', 0), chosen('b', LARGE, 2)])
    expect(await mine.run()).toBe(99)
    expect([...server.stored.values()].map(({ path, bytes }) => [path, bytes.length]).sort()).toEqual([['a/1', 10], ['a/2', 0], ['b', LARGE]])
    expect(server.asked.filter((name) => name === 'add')).toHaveLength(1)
    expect(server.asked.filter((name) => name === 'send')).toHaveLength(2)
    expect(latest()).toMatchObject({ phase: 'ended', sent: LARGE + 10, bytes: LARGE + 10, files: 3, done: 3 })
  })

  test('goes on by itself after the connection was lost, and sends nothing twice', async () => {
    const server = new Server()
    server.failures = [{ kind: 'offline' }, { kind: 'broken', status: 503 }, { kind: 'refused', message: '', status: 423 }]
    server.lost = 4
    const run = sender(server, [chosen('a/1', 10), chosen('b', LARGE, 2)])
    expect(await run.sender.run()).toBe(99)
    expect([...server.stored.values()].map(({ bytes }) => bytes.length).sort()).toEqual([10, LARGE])
    expect(run.phases).toContain('waiting')
    expect(run.phases.at(-1)).toBe('ended')
  })

  test('goes on where an earlier page stopped, and leaves out what came in part only', async () => {
    const server = new Server()
    const first = sender(server, [chosen('a/1', 10), chosen('b', LARGE, 2), chosen('c', LARGE, 3)])
    server.heldFrom = 3
    const ran = first.sender.run().catch((error: unknown) => error)
    await new Promise((resolve) => setTimeout(resolve, 50))
    first.sender.giveUp()
    server.heldFrom = Infinity
    expect(await ran).toBeInstanceOf(GivenUpError)
    const before = [...server.stored.values()].map(({ path, bytes }) => [path, bytes.length])
    expect(before).toContainEqual(['a/1', 10])
    server.asked = []
    const again = sender(server, [chosen('a/1', 10), chosen('b', LARGE, 2)])
    expect(await again.sender.run()).toBe(99)
    expect(server.opened).toBe(1)
    expect(server.asked).not.toContain('add')
    expect(server.asked).not.toContain('announce')
    expect(again.latest()).toMatchObject({ files: 2, done: 2, others: 0 })
    expect(again.latest().already).toBeGreaterThan(0)
    expect([...server.stored.values()].every(({ length, bytes }) => bytes.length === length)).toBe(true)
  })

  test('stops while it is paused and goes on afterwards', async () => {
    const server = new Server()
    const run = sender(server, [chosen('b', LARGE, 2)])
    server.heldFrom = 0
    const ran = run.sender.run()
    await new Promise((resolve) => setTimeout(resolve, 5))
    run.sender.pause()
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(run.latest().phase).toBe('paused')
    run.sender.wake()
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(run.latest().phase).toBe('paused')
    server.heldFrom = Infinity
    run.sender.goOn()
    expect(await ran).toBe(99)
  })

  test('waits for its member to sign in again', async () => {
    const server = new Server()
    server.failures = [{ kind: 'signed-out' }]
    const run = sender(server, [chosen('a', 10)])
    const ran = run.sender.run()
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(run.latest().phase).toBe('asleep')
    run.sender.wake()
    expect(await ran).toBe(99)
  })

  test('says what no patience helps against', async () => {
    const server = new Server()
    server.failures = [{ kind: 'forbidden', message: '' }]
    await expect(sender(server, [chosen('a', 10)]).sender.run()).rejects.toThrow('forbidden')
  })

  test('asks what to do about a file that cannot be read any more', async () => {
    const server = new Server()
    const gone = chosen('gone', 10)
    gone.file.slice = () => Object.assign(new Blob(), { arrayBuffer: () => Promise.reject(new DOMException('', 'NotReadableError')) })
    const run = sender(server, [chosen('a', 10), gone])
    expect(await run.sender.run()).toBeNull()
    expect(run.latest().phase).toBe('unread')
    expect(run.sender.unread).toEqual(['gone'])
    expect(server.submitted).toBe(0)
    expect(await run.sender.submit()).toBe(99)
    expect([...server.stored.values()].map(({ path }) => path)).toEqual(['a'])
  })
})
