import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { CommandBus } from '@/commands/bus'
import { applyChange } from '@/commands/document'
import type { Change, Drawings } from '@/commands/document'
import { Saver } from '@/commands/saver'
import type { SaveState, Shelf } from '@/commands/saver'
import type { Annotation, Identity } from '@/domain/annotation'
import { FailureError } from '@/domain/failure'

function drawing(key: string, wkt = 'POINT (1 1)', terms: number[] = []): Annotation {
  return { key, id: null, version: null, layer: null, user: 1, axis: 'z', index: 0, t: 0, c: 0, wkt, terms, parent: null, reviewed: false }
}

class Desk {
  drawings: Drawings = new Map()
  readonly bus = new CommandBus((changes: readonly Change[]) => {
    for (const change of changes) this.drawings = applyChange(this.drawings, change)
  })

  /** Turn a wish into a command that fits what is there. */
  act(kind: number, key: string, wkt: string): void {
    const before = this.drawings.get(key) ?? null
    if (before === null) this.bus.do({ name: 'draw', changes: [{ key, before, after: drawing(key, wkt) }] })
    else if (kind === 0) this.bus.do({ name: 'delete', changes: [{ key, before, after: null }] })
    else this.bus.do({ name: 'modify', changes: [{ key, before, after: { ...before, wkt } }] })
  }

  get state(): string {
    return JSON.stringify([...this.drawings.values()].sort((a, b) => a.key.localeCompare(b.key)))
  }
}

const acts = fc.array(
  fc.tuple(fc.integer({ min: 0, max: 2 }), fc.constantFrom('a', 'b', 'c'), fc.constantFrom('P1', 'P2', 'P3')),
  { minLength: 1, maxLength: 40 },
)

describe('command bus', () => {
  test('undoing everything gives the beginning, redoing everything the end', () => {
    fc.assert(
      fc.property(acts, (list) => {
        const desk = new Desk()
        const beginning = desk.state
        for (const [kind, key, wkt] of list) desk.act(kind, key, wkt)
        const end = desk.state
        let steps = 0
        while (desk.bus.undo()) steps += 1
        expect(desk.state).toBe(beginning)
        expect(steps).toBe(list.length)
        while (desk.bus.redo()) steps -= 1
        expect(steps).toBe(0)
        expect(desk.state).toBe(end)
      }),
    )
  })

  test('a new command ends what could be redone', () => {
    const desk = new Desk()
    desk.act(1, 'a', 'P1')
    desk.bus.undo()
    desk.act(1, 'b', 'P1')
    expect(desk.bus.redoable).toBeNull()
    expect(desk.bus.redo()).toBe(false)
  })

  test('more than 200 steps can be undone', () => {
    const desk = new Desk()
    for (let step = 0; step < 300; step += 1) desk.act(1, 'a', `P${step}`)
    let steps = 0
    while (desk.bus.undo()) steps += 1
    expect(steps).toBe(300)
  })

  test('a forgotten drawing is not brought back', () => {
    const desk = new Desk()
    desk.act(1, 'a', 'P1')
    desk.act(1, 'b', 'P1')
    desk.bus.forget('b')
    desk.bus.undo()
    expect(desk.bus.undo()).toBe(false)
  })
})

class Server implements Shelf {
  readonly rows = new Map<number, { wkt: string; version: number }>()
  failure: FailureError | null = null
  calls = 0
  private next = 100

  /** Whether what is made is made, but the answer never arrives. */
  deaf = false
  private readonly tokens = new Map<string, number>()

  async create(annotation: Annotation, token: string): Promise<Identity> {
    await this.answer()
    const made = this.tokens.get(token)
    const id = made !== undefined && this.rows.has(made) ? made : this.next++
    this.tokens.set(token, id)
    this.rows.set(id, { wkt: annotation.wkt, version: 0 })
    if (this.deaf) throw new FailureError({ kind: 'offline' })
    return { id, version: 0, terms: [], layer: 1, wkt: annotation.wkt }
  }

  async edit(annotation: Annotation, { id, version }: Identity): Promise<Identity> {
    await this.answer()
    const row = this.rows.get(id)
    if (row === undefined) throw new FailureError({ kind: 'absent' })
    if (row.version === version) this.rows.set(id, { wkt: annotation.wkt, version: row.version + 1 })
    else if (row.wkt !== annotation.wkt) throw new FailureError({ kind: 'conflict', message: '', revision: row.version })
    if (this.deaf) throw new FailureError({ kind: 'offline' })
    return { id, version: this.rows.get(id)?.version ?? 0, terms: [], layer: 1, wkt: annotation.wkt }
  }

  async remove({ id }: Identity): Promise<void> {
    await this.answer()
    this.rows.delete(id)
  }

  private async answer(): Promise<void> {
    this.calls += 1
    await Promise.resolve()
    if (this.failure !== null) throw this.failure
  }
}

function saverOf(server: Server): { saver: Saver; states: SaveState[]; refused: string[] } {
  const states: SaveState[] = []
  const refused: string[] = []
  const saver = new Saver(server, (state) => states.push(state), () => undefined, (key) => refused.push(key))
  return { saver, states, refused }
}

describe('saver', () => {
  test('the server ends up with what the page shows, whatever was done and undone', async () => {
    await fc.assert(
      fc.asyncProperty(acts, fc.array(fc.boolean(), { maxLength: 10 }), async (list, steps) => {
        const server = new Server()
        const { saver, states } = saverOf(server)
        let drawings: Drawings = new Map()
        const bus = new CommandBus((changes) => {
          for (const change of changes) {
            drawings = applyChange(drawings, change)
            saver.want(change.key, drawings.get(change.key) ?? null)
          }
        })
        for (const [kind, key, wkt] of list) {
          const before = drawings.get(key) ?? null
          const after = before !== null && kind === 0 ? null : drawing(key, wkt)
          bus.do({ name: 'modify', changes: [{ key, before, after }] })
          if (wkt === 'P2') await Promise.resolve()
        }
        for (const back of steps) {
          if (back) bus.undo()
          else bus.redo()
        }
        await saver.retry()
        const kept = [...server.rows.values()].map(({ wkt }) => wkt).sort()
        expect(kept).toEqual([...drawings.values()].map(({ wkt }) => wkt).sort())
        expect(states.at(-1)).toEqual({ kind: 'saved' })
      }),
    )
  })

  test('nothing is lost while the server does not answer', async () => {
    const server = new Server()
    const { saver, states } = saverOf(server)
    server.failure = new FailureError({ kind: 'offline' })
    saver.want('a', drawing('a', 'P1'))
    await saver.retry()
    expect(states.at(-1)).toEqual({ kind: 'error', failure: { kind: 'offline' } })
    saver.want('b', drawing('b', 'P2'))
    expect(saver.pending).toBe(2)
    server.failure = null
    await saver.retry()
    expect(saver.pending).toBe(0)
    expect(server.rows.size).toBe(2)
  })

  test('a drawing whose answer was lost is neither doubled nor left behind', async () => {
    for (const later of [drawing('a', 'P1'), drawing('a', 'P2'), null]) {
      const server = new Server()
      const { saver } = saverOf(server)
      server.deaf = true
      saver.want('a', drawing('a', 'P1'))
      await saver.retry()
      expect(server.rows.size).toBe(1)
      server.deaf = false
      saver.want('a', later)
      await saver.retry()
      expect([...server.rows.values()].map(({ wkt }) => wkt)).toEqual(later === null ? [] : [later.wkt])
      expect(saver.pending).toBe(0)
    }
  })

  test('a change whose answer was lost is no conflict, whatever was wished next', async () => {
    for (const later of [drawing('a', 'P2'), drawing('a', 'P3'), null]) {
      const server = new Server()
      const { saver, states } = saverOf(server)
      saver.want('a', drawing('a', 'P1'))
      await saver.retry()
      server.deaf = true
      saver.want('a', drawing('a', 'P2'))
      await saver.retry()
      server.deaf = false
      saver.want('a', later)
      await saver.retry()
      expect([...server.rows.values()].map(({ wkt }) => wkt)).toEqual(later === null ? [] : [later.wkt])
      expect(states.at(-1)).toEqual({ kind: 'saved' })
    }
  })

  test('what fails for a while is sent again by itself, less and less often', async () => {
    vi.useFakeTimers()
    for (const failure of [{ kind: 'offline' }, ...[502, 503, 504].map((status) => ({ kind: 'broken', status }) as const)] as const) {
      const server = new Server()
      const { saver, states } = saverOf(server)
      server.failure = new FailureError(failure)
      saver.want('a', drawing('a', 'P1'))
      await vi.advanceTimersByTimeAsync(0)
      const calls: number[] = []
      for (let second = 1; second <= 120; second += 1) {
        const before = server.calls
        await vi.advanceTimersByTimeAsync(1000)
        if (server.calls > before) calls.push(second)
      }
      expect(calls).toEqual([2, 6, 14, 30, 60, 90, 120])
      // The button to try again stays where it is meanwhile.
      expect(states.slice(1).every(({ kind }) => kind === 'error')).toBe(true)
      server.failure = null
      await vi.advanceTimersByTimeAsync(30_000)
      expect([server.rows.size, saver.pending, states.at(-1)]).toEqual([1, 0, { kind: 'saved' }])
      expect(vi.getTimerCount()).toBe(0)
    }
    vi.useRealTimers()
  })

  test('what only somebody can mend, and what is closed, is not sent again', async () => {
    vi.useFakeTimers()
    const server = new Server()
    const { saver } = saverOf(server)
    server.failure = new FailureError({ kind: 'broken', status: 500 })
    saver.want('a', drawing('a', 'P1'))
    await vi.advanceTimersByTimeAsync(0)
    expect(vi.getTimerCount()).toBe(0)
    server.failure = new FailureError({ kind: 'offline' })
    await saver.retry()
    expect(vi.getTimerCount()).toBe(1)
    saver.close()
    expect(vi.getTimerCount()).toBe(0)
    await saver.retry()
    expect(vi.getTimerCount()).toBe(0)
    vi.useRealTimers()
  })

  test('what the server refuses for good is given up and stands in nobody\'s way', async () => {
    const server = new Server()
    const { saver, states, refused } = saverOf(server)
    server.failure = new FailureError({ kind: 'forbidden', message: '' })
    saver.want('a', drawing('a', 'P1'))
    await saver.retry()
    expect(refused).toEqual(['a'])
    server.failure = null
    saver.want('b', drawing('b', 'P2'))
    await saver.retry()
    expect(saver.pending).toBe(0)
    expect([...server.rows.values()].map(({ wkt }) => wkt)).toEqual(['P2'])
    expect(states.at(-1)).toEqual({ kind: 'saved' })
  })

  test('a conflict waits for a decision and keeps mine when told so', async () => {
    const server = new Server()
    const { saver, states } = saverOf(server)
    server.rows.set(7, { wkt: 'theirs', version: 3 })
    saver.adopt('a', { id: 7, version: 1, terms: [], layer: 1, wkt: 'mine' })
    saver.want('a', drawing('a', 'mine'))
    await saver.retry()
    expect(states.at(-1)).toEqual({ kind: 'conflict', key: 'a', revision: 3 })
    expect(server.rows.get(7)?.wkt).toBe('theirs')
    await saver.keepMine('a', { id: 7, version: 3, terms: [], layer: 1, wkt: 'theirs' })
    expect(server.rows.get(7)).toEqual({ wkt: 'mine', version: 4 })
    expect(states.at(-1)).toEqual({ kind: 'saved' })
  })

  test('taking theirs drops what was wished', async () => {
    const server = new Server()
    const { saver, states } = saverOf(server)
    server.rows.set(7, { wkt: 'theirs', version: 3 })
    saver.adopt('a', { id: 7, version: 1, terms: [], layer: 1, wkt: 'mine' })
    saver.want('a', drawing('a', 'mine'))
    await saver.retry()
    await saver.takeTheirs('a', { id: 7, version: 3, terms: [], layer: 1, wkt: 'theirs' })
    expect(server.rows.get(7)?.wkt).toBe('theirs')
    expect(saver.pending).toBe(0)
    expect(states.at(-1)).toEqual({ kind: 'saved' })
  })
})
