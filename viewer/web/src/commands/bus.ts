import { invert } from '@/commands/document'
import type { Change } from '@/commands/document'

/** One thing the member did: a name for the interface and the changes that make it up. */
export interface Command {
  readonly name: 'draw' | 'modify' | 'delete' | 'retag' | 'give' | 'take' | 'accept' | 'reject'
  readonly changes: readonly Change[]
}

const MOST = 500

/**
 * Every edit goes through here, so undo, redo and saving cannot be forgotten.
 *
 * `apply` shows the changes and hands them on to be saved; it is called for doing, undoing and redoing alike.
 */
export class CommandBus {
  private done: Command[] = []
  private undone: Command[] = []

  constructor(private readonly apply: (changes: readonly Change[]) => void) {}

  get undoable(): Command | null {
    return this.done.at(-1) ?? null
  }

  get redoable(): Command | null {
    return this.undone.at(-1) ?? null
  }

  do(command: Command): void {
    this.apply(command.changes)
    this.note(command)
  }

  /** A step that is done already: its way back is known from now on. */
  note(command: Command): void {
    this.undone = []
    this.done.push(command)
    if (this.done.length > MOST) this.done.shift()
  }

  undo(): boolean {
    const command = this.done.pop()
    if (command === undefined) return false
    this.apply([...command.changes].reverse().map(invert))
    this.undone.push(command)
    return true
  }

  redo(): boolean {
    const command = this.undone.pop()
    if (command === undefined) return false
    this.apply(command.changes)
    this.done.push(command)
    return true
  }

  /** Forget every step about one drawing or term: its history ended outside of this page. */
  forget(key: string): void {
    const about = (command: Command): boolean => command.changes.some((change) => change.key === key)
    this.done = this.done.filter((command) => !about(command))
    this.undone = this.undone.filter((command) => !about(command))
  }
}
