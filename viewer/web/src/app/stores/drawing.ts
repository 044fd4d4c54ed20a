import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import * as reviews from '@/api/review'
import * as api from '@/api/routes'
import { useImageTerms } from '@/app/stores/image-terms'
import { useLayers } from '@/app/stores/layers'
import { useNotices } from '@/app/stores/notices'
import { useProject } from '@/app/stores/project'
import { useReview } from '@/app/stores/review'
import { useSession } from '@/app/stores/session'
import { CommandBus } from '@/commands/bus'
import type { Command } from '@/commands/bus'
import { applyChange } from '@/commands/document'
import type { Change, Drawings, TermChange, VerdictChange } from '@/commands/document'
import { Saver } from '@/commands/saver'
import type { SaveState, Shelf } from '@/commands/saver'
import type { Annotation, Drawing, Identity, Layer } from '@/domain/annotation'
import { FailureError, failureOf } from '@/domain/failure'
import type { Failure } from '@/domain/failure'
import type { Image } from '@/domain/image'
import { mayAnnotate, mayChangeOthers } from '@/domain/project'
import { countParts } from '@/geometry/wkt'

/** A saver for one image. An edit of what somebody deleted meanwhile is a conflict like any other. */
function shelfOf(image: Image): Shelf {
  return {
    create: async (annotation, token) => identityOf(await api.createAnnotation(image, annotation, token)),
    edit: async (annotation, known) => {
      try {
        // The page goes on showing its own terms, so these are what the next edit is measured against.
        return { ...identityOf(await api.editAnnotation(known, annotation)), terms: annotation.terms }
      } catch (error) {
        if (error instanceof FailureError && error.failure.kind === 'absent') {
          throw new FailureError({ kind: 'conflict', message: '', revision: null })
        }
        throw closedFor(error)
      }
    },
    remove: async (known) => {
      try {
        await api.deleteAnnotation(known)
      } catch (error) {
        throw closedFor(error)
      }
    },
  }
}

/** A conflict that is about no version cannot be settled: a reviewed copy is not this member's to change any more. */
function closedFor(error: unknown): unknown {
  if (!(error instanceof FailureError) || error.failure.kind !== 'conflict' || error.failure.revision !== null) return error
  return new FailureError({ kind: 'refused', message: error.failure.message, status: CONFLICT })
}

const CONFLICT = 409

function identityOf(saved: Annotation): Identity {
  return { id: saved.id ?? 0, version: saved.version, terms: saved.terms, layer: saved.layer, wkt: saved.wkt }
}

/** Whose a drawing is and who may change it, by the kind of its layer. */
const WHOSE: Readonly<Record<Layer['kind'], string>> = {
  member: 'whose.member', review: 'whose.review', model: 'whose.found', source: 'whose.found',
}

/** The drawings on the open image, and the terms of the whole of it: every change goes through the command bus and is saved at once. */
export const useDrawing = defineStore('drawing', () => {
  const drawings = shallowRef<Drawings>(new Map())
  const selected = ref<string | null>(null)
  /** Somebody else's drawing that is about to be deleted. */
  const asked = shallowRef<Annotation | null>(null)
  const saveState = ref<SaveState>({ kind: 'saved' })
  const undoable = shallowRef<Command | null>(null)
  const redoable = shallowRef<Command | null>(null)
  const created = ref(0)
  let bus = new CommandBus(() => undefined)
  let saver: Saver | null = null
  let image: number | null = null
  let count = 0
  /** Commands of the server that removed reviewed copies, by the keys of these. */
  const removals = new Map<string, number>()
  /** Whether a reviewed copy goes or comes back just now; the next step may build on it. */
  let judging = false

  const notices = useNotices()
  const session = useSession()
  const layers = useLayers()
  const imageTerms = useImageTerms()
  const project = useProject()
  const review = useReview()

  const all = computed(() => [...drawings.value.values()])
  const selection = computed(() => (selected.value === null ? null : (drawings.value.get(selected.value) ?? null)))

  /** Whether this member may change or delete a drawing; the server asks the same. */
  function mayChange(annotation: Annotation): boolean {
    const others = layers.othersOf(annotation)
    if (others === null) return mayAnnotate(project.project)
    return mayChangeOthers(project.project, others.kind) && (others.kind !== 'review' || review.mine)
  }

  const removable = computed(() => selection.value !== null && mayChange(selection.value))

  function removeSelected(): void {
    const chosen = selection.value
    if (chosen === null || !mayChangeOrSay(chosen)) return
    if (layers.othersOf(chosen) === null) remove(chosen.key)
    else asked.value = chosen
  }

  /** Delete what was asked about. The server would take it back as a new drawing of one's own, so it is no step of the history. */
  function removeForGood(): void {
    const chosen = asked.value
    asked.value = null
    if (chosen === null || !drawings.value.has(chosen.key)) return
    saver?.want(chosen.key, null)
    drop([chosen])
  }

  function keep(): void {
    asked.value = null
  }

  /** Whether a drawing may be changed; where not, whose it is and who may is said. */
  function mayChangeOrSay(annotation: Annotation): boolean {
    if (mayChange(annotation)) return true
    const others = layers.othersOf(annotation)
    if (others === null) notices.said('failure.forbidden')
    else if (others.kind === 'review' && review.phase === 'validated') notices.said('whose.validated')
    else notices.said(WHOSE[others.kind], others.name)
    return false
  }

  function refresh(): void {
    undoable.value = bus.undoable
    redoable.value = bus.redoable
    if (selected.value !== null && !drawings.value.has(selected.value)) selected.value = null
  }

  function apply(changes: readonly Change[]): void {
    for (const change of changes) {
      if ('term' in change) {
        void tag(change)
        continue
      }
      if ('copy' in change) {
        void judge(change)
        continue
      }
      drawings.value = applyChange(drawings.value, change)
      saver?.want(change.key, drawings.value.get(change.key) ?? null)
    }
  }

  /** Give the open image a term or take it; a step that was refused is none. */
  async function tag({ key, term, after }: TermChange): Promise<void> {
    if (image === null) return
    const history = bus
    try {
      await imageTerms.set(image, term, after)
    } catch (error) {
      notices.failed(error)
      history.forget(key)
      if (history === bus) refresh()
    }
  }

  /** Remove a reviewed copy or bring it back as it was; a step that was refused is none. */
  async function judge({ key, copy, after }: VerdictChange): Promise<void> {
    const history = bus
    judging = true
    try {
      // What was changed of it last is saved first, so that it comes back with it.
      await settled()
      const found = after ? await restored(key, copy) : null
      if (!after) removals.set(key, await reviews.reject(copy.id ?? 0))
      if (history !== bus) return
      if (found === null) takeOff([copy])
      else adopt([found])
    } catch (error) {
      if (history !== bus) return
      if (failureOf(error).kind === 'conflict') await review.explain().catch((other) => notices.failed(other))
      else notices.failed(error)
      history.forget(key)
    } finally {
      judging = false
      if (history === bus) refresh()
    }
  }

  async function restored(key: string, copy: Annotation): Promise<Annotation | null> {
    await reviews.restore(removals.get(key) ?? 0)
    return await api.annotation(copy.id ?? 0)
  }

  /** A reviewed copy was made. */
  function accepted(copy: Annotation): void {
    adopt([copy])
    bus.note({ name: 'accept', changes: [{ key: copy.key, copy, before: false, after: true }] })
    refresh()
  }

  /** A reviewed copy was removed by this command of the server. */
  function rejected(copy: Annotation, command: number): void {
    removals.set(copy.key, command)
    takeOff([copy])
    bus.note({ name: 'reject', changes: [{ key: copy.key, copy, before: true, after: false }] })
    refresh()
  }

  /** Show a saved drawing as it is stored, unless it was changed here meanwhile. */
  function identified(key: string, identity: Identity | null, sent: Annotation | null): void {
    const drawing = drawings.value.get(key)
    if (drawing === undefined) return
    const made = drawing.id === null && identity !== null
    if (made) created.value += 1
    const { id = null, version = null, layer = drawing.layer } = identity ?? {}
    const wkt = identity !== null && drawing.wkt === sent?.wkt ? identity.wkt : drawing.wkt
    // What is made anew, also a colleague's that was deleted meanwhile, lies in the own layer.
    const user = made ? (session.user?.id ?? drawing.user) : drawing.user
    drawings.value = new Map(drawings.value).set(key, { ...drawing, id, version, layer, wkt, user })
    if (sent !== null && countParts(wkt) > countParts(sent.wkt)) notices.split(countParts(wkt))
  }

  /** Show the drawings of an image; the history of another one ends here. */
  async function open(opened: Image, signal: AbortSignal): Promise<void> {
    close()
    const found = await api.annotations(opened.id, signal)
    const started: Saver = new Saver(
      shelfOf(opened),
      (state) => started === saver && (saveState.value = state),
      identified,
      (key, failure) => started === saver && void giveUp(key, failure),
    )
    for (const annotation of found) started.adopt(annotation.key, identityOf(annotation))
    saver = started
    image = opened.id
    bus = new CommandBus(apply)
    drawings.value = new Map(found.map((annotation) => [annotation.key, annotation]))
    refresh()
  }

  function close(): void {
    saver?.close()
    saver = null
    image = null
    bus = new CommandBus(() => undefined)
    drawings.value = new Map()
    selected.value = asked.value = null
    saveState.value = { kind: 'saved' }
    refresh()
  }

  /** Show what the server has of a drawing whose change it refused for good, and say so. */
  async function giveUp(key: string, failure: Failure): Promise<void> {
    const closed = failure.kind === 'refused' && failure.status === CONFLICT
    if (closed) await review.explain().catch((error) => notices.failed(error))
    else notices.failed(new FailureError(failure))
    const known = saver?.identityOf(key) ?? null
    try {
      replace(key, known === null ? null : await api.annotation(known.id))
    } catch (error) {
      notices.failed(error)
    }
  }

  function replace(key: string, theirs: Annotation | null): void {
    const next = new Map(drawings.value)
    if (theirs === null) next.delete(key)
    else next.set(key, { ...theirs, key })
    drawings.value = next
    bus.forget(key)
    refresh()
  }

  /** Show what the server made or has, as it has it. */
  function adopt(found: readonly Annotation[]): void {
    const next = new Map(drawings.value)
    for (const annotation of found) {
      saver?.adopt(annotation.key, identityOf(annotation))
      next.set(annotation.key, annotation)
    }
    drawings.value = next
  }

  /** Show no more what is gone from the server; undo must not bring it back as a new drawing of one's own. */
  function drop(gone: readonly Annotation[]): void {
    for (const { key } of gone) bus.forget(key)
    takeOff(gone)
    refresh()
  }

  /** What reviewed copies were made of waits again without them. */
  function takeOff(gone: readonly Annotation[]): void {
    const next = new Map(drawings.value)
    const keys = new Map(all.value.map(({ id, key }) => [id, key]))
    for (const { key, parent } of gone) {
      next.delete(key)
      const original = parent === null ? undefined : next.get(keys.get(parent) ?? '')
      if (original !== undefined) next.set(original.key, { ...original, reviewed: false })
    }
    drawings.value = next
  }

  /** Wait until everything is saved; tells whether it is. */
  async function settled(): Promise<boolean> {
    if (unsaved()) await retry()
    return !unsaved()
  }

  function perform(command: Command): void {
    bus.do(command)
    refresh()
  }

  function draw(drawing: Drawing, owner: { layer: number | null; user: number | null }): void {
    count += 1
    const key = `drawn-${Date.now().toString(36)}-${count}`
    const after: Annotation = { ...drawing, ...owner, key, id: null, version: null, parent: null, reviewed: false }
    perform({ name: 'draw', changes: [{ key, before: null, after }] })
    selected.value = key
  }

  function edit(key: string, fields: Partial<Pick<Annotation, 'wkt' | 'terms'>>): void {
    const before = drawings.value.get(key)
    if (before === undefined) return
    const name = fields.wkt === undefined ? 'retag' : 'modify'
    perform({ name, changes: [{ key, before, after: { ...before, ...fields } }] })
  }

  function remove(key: string): void {
    const before = drawings.value.get(key)
    if (before !== undefined) perform({ name: 'delete', changes: [{ key, before, after: null }] })
  }

  /** Give the whole image a term, or take it. */
  function say(term: number, wanted: boolean): void {
    perform({ name: wanted ? 'give' : 'take', changes: [{ key: `term-${term}`, term, before: !wanted, after: wanted }] })
  }

  function undo(): void {
    if (judging) return
    bus.undo()
    refresh()
  }

  function redo(): void {
    if (judging) return
    bus.redo()
    refresh()
  }

  async function retry(): Promise<void> {
    await saver?.retry()
  }

  /** Settle a conflict: keep the drawing as it is here, or take what the server has. */
  async function settle(side: 'mine' | 'theirs'): Promise<void> {
    const state = saveState.value
    if (state.kind !== 'conflict' || saver === null) return
    const identity = saver.identityOf(state.key)
    const theirs = identity === null ? null : await api.annotation(identity.id)
    if (side === 'mine') {
      await saver.keepMine(state.key, theirs === null ? null : identityOf(theirs))
      return
    }
    replace(state.key, theirs)
    await saver.takeTheirs(state.key, theirs === null ? null : identityOf(theirs))
  }

  /** Whether leaving the page now would lose something. */
  function unsaved(): boolean {
    return saver !== null && saver.pending > 0
  }

  return {
    drawings, all, selected, selection, asked, removable, saveState, undoable, redoable, created,
    open, close, adopt, accepted, rejected, drop, settled, draw, edit, mayChange, mayChangeOrSay, remove, removeSelected, removeForGood, keep, say, undo, redo, retry, settle, unsaved,
  }
})
