import { detailParts } from '@/domain/held-detail'

/** A file that did not become an image and waits for somebody to decide. */
export interface HeldFile {
  readonly id: number
  readonly name: string
  readonly reason: string
  /** What the server says of this file beyond the reason, in English. */
  readonly detail: string
  /** The same for files of one series; empty where nothing says. */
  readonly series: string
  readonly upload: number
  readonly bytes: number
  readonly created: number | null
  /** What was decided already; carried out as soon as the others of its volume are decided on too. */
  readonly decision: HeldDecision | null
}

/** What is done to a file before it becomes an image; nothing where it is accepted as it is. */
export interface HeldDecision {
  readonly boxes: readonly PaintedBox[]
  /** Whether what the text detector finds is painted over too. */
  readonly find: boolean
}

/** The name of a decision: as it is, or painted over where boxes are drawn, where text is found, or both. */
export function wordOf({ boxes, find }: HeldDecision): 'accept' | 'boxes' | 'find' | 'both' {
  if (boxes.length === 0) return find ? 'find' : 'accept'
  return find ? 'both' : 'boxes'
}

const VOLUME_WAITS = 'another slice of its volume waits for review'
/** Whether not the file itself is the reason, but another one of its volume. */
export const merelyWaits = ({ detail }: HeldFile): boolean => detail === VOLUME_WAITS
/** Whether text was found in the file itself; its header or its kind may be the reason alone. */
export const showsText = ({ detail }: HeldFile): boolean => detail.split('; ').includes('text was found in the picture')
const isDecided = ({ decision }: HeldFile): boolean => decision !== null

/** What needs a decision comes first, then what was decided on and waits, then what waits for others. */
export function sortHeld(files: readonly HeldFile[]): readonly HeldFile[] {
  const own = files.filter((file) => !merelyWaits(file))
  return [...own.filter((file) => !isDecided(file)), ...own.filter(isDecided), ...files.filter(merelyWaits)]
}

/** Files that are shown and chosen together: of one series, or of one upload where none is known, held for the same reason. */
export interface HeldGroup {
  readonly key: string
  readonly series: boolean
  /** In the order of the list; a group of one is none. */
  readonly files: readonly HeldFile[]
}

/** What is decided on together stands together, where the first of it stood; decided on and not, waiting and not, are told apart. */
export function groupHeld(files: readonly HeldFile[]): readonly HeldGroup[] {
  const groups = new Map<string, HeldFile[]>()
  for (const file of sortHeld(files)) {
    const whose = file.series === '' ? `upload ${file.upload}` : file.series
    const key = JSON.stringify([merelyWaits(file), isDecided(file), file.reason, whose])
    const members = groups.get(key)
    if (members === undefined) groups.set(key, [file])
    else members.push(file)
  }
  return [...groups].map(([key, members]) => ({ key, series: members[0]?.series !== '', files: members }))
}

/** What a group goes by: the folder that all of its files lie in, else the name of the first. */
export function nameOf({ files }: HeldGroup): string {
  const [first = '', ...others] = files.map(({ name }) => name)
  const folders = first.split('/').slice(0, -1)
  while (folders.length > 0 && !others.every((name) => name.startsWith(`${folders.join('/')}/`))) folders.pop()
  return folders.join('/') || first
}

/** The files that a job has not made images of, though it was decided that it should; what waits for a decision on others is none. */
export function heldStill(files: readonly HeldFile[], decided: ReadonlyMap<number, number | null>, over: ReadonlySet<number>): readonly HeldFile[] {
  return files.filter((file) => over.has(decided.get(file.id) ?? -1) && !isDecided(file) && !merelyWaits(file))
}

/** Held for how their planes lie or when they came, not for what the picture shows: nobody needs to look at each. */
const ACCEPTED_UNSEEN: ReadonlySet<string> = new Set(['irregular_geometry', 'mixed_orientation', 'late_instance'])
/** What is wrong about a structure set, report or presentation state, held as files without pixels are, until an image or a term is added. */
const LACKS_OTHERS: ReadonlySet<string> = new Set(['termsAbsent', 'imageAbsent', 'offPlanes'])
const lacksOthers = (detail: string): boolean => detailParts(detail).some((part) => 'name' in part && LACKS_OTHERS.has(part.name))
export const mayAcceptUnseen = ({ reason, detail }: HeldFile): boolean => ACCEPTED_UNSEEN.has(reason) || (reason === 'no_pixels' && lacksOthers(detail))
export const mayAcceptTogether = (files: readonly HeldFile[]): boolean => files.length > 0 && files.every(mayAcceptUnseen)

/** Whether a file of which the page shows nothing is accepted by whoever has seen elsewhere what it shows. */
export const mayShowElsewhere = ({ reason }: HeldFile): boolean => reason === 'burned_in_risk' || reason === 'uid_conflict'

/** The held files of the same series and reason that are not among these: an image made of these alone lacks their planes. */
export function leftBehind(chosen: readonly HeldFile[], files: readonly HeldFile[]): readonly HeldFile[] {
  const ids = new Set(chosen.map(({ id }) => id))
  const parts = new Set(chosen.filter(({ reason, series }) => ACCEPTED_UNSEEN.has(reason) && series !== '').map(({ reason, series }) => `${reason} ${series}`))
  return files.filter(({ id, reason, series }) => !ids.has(id) && parts.has(`${reason} ${series}`))
}

const ofSeries = (file: HeldFile, files: readonly HeldFile[]): readonly HeldFile[] =>
  file.series === '' ? [] : files.filter((one) => one.id !== file.id && one.series === file.series)

/** The other files of its series in which text may stand and on which nobody has decided: the volume waits for them. */
export function undecided(file: HeldFile, files: readonly HeldFile[]): readonly HeldFile[] {
  return ofSeries(file, files).filter((one) => one.reason === 'burned_in_risk' && !merelyWaits(one) && !isDecided(one))
}

const mayShowSomebody = ({ reason }: HeldFile): boolean => reason === 'burned_in_risk' || reason === 'face_risk'

/** The other files of its series that are held for text or a face too: their volume may have a gap without this one. */
export function heldTogether(file: HeldFile, files: readonly HeldFile[]): readonly HeldFile[] {
  return mayShowSomebody(file) ? ofSeries(file, files).filter(mayShowSomebody) : []
}

/**
 * The files that need no decision of their own once images are made of this one and of those decided on together with it.
 *
 * The server takes all of the series along that are held for text or a face, but looks for text again in those that it
 * was found in: while one of them is undecided, nothing comes along.
 */
export function takenAlong(file: HeldFile, files: readonly HeldFile[], together: readonly HeldFile[] = []): readonly HeldFile[] {
  if (undecided(file, files).some((one) => !together.includes(one))) return []
  return ofSeries(file, files).filter((one) => one.reason === 'face_risk' || merelyWaits(one) || isDecided(one))
}

/** How the last job of an upload ended; `none` where no job ever had it. */
export type LastJob = 'failed' | 'cancelled' | 'none'

/** An upload whose files wait while no job works on them. */
export interface StoppedUpload {
  readonly id: number
  readonly user: number
  readonly username: string
  readonly files: number
  /** Files that have not arrived whole, beside these. */
  readonly partial: number
  readonly bytes: number
  readonly created: number | null
  readonly state: LastJob
  /** What its last job said. */
  readonly reason: string
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const
export type Unit = (typeof UNITS)[number]

/** A size that a person reads: the largest unit of which there is one or more, and never nothing of a file. */
export function sizeOf(bytes: number): { readonly amount: number; readonly unit: Unit } {
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), UNITS.length - 1)
  const amount = bytes / 1000 ** power
  return { amount: amount < 10 && power > 1 ? Math.round(amount * 10) / 10 : Math.round(amount), unit: UNITS[power] ?? 'B' }
}

/** What there is to see of a held file, in pixels. */
export interface Preview {
  readonly frames: number
  readonly rows: number
  readonly columns: number
  /** Whether a text detector is installed where decisions are carried out. */
  readonly finds: boolean
  /** What is painted over together with found text: all but the echoes of an ultrasound. */
  readonly outside: readonly PaintedBox[]
}

/** What is painted over; `frame` null means every frame. */
export interface PaintedBox {
  readonly top: number
  readonly left: number
  readonly rows: number
  readonly columns: number
  readonly frame: number | null
}

export interface Corner {
  readonly x: number
  readonly y: number
}

/** How grey levels are shown: all of them, or each beside its neighbours, which brings faint text out. */
export type Look = 'range' | 'contrast'

const within = (value: number, end: number): number => Math.min(Math.max(value, 0), end)

/** A place along a side of the frame, put on its end where it lies nearer to it than `near`, or beyond. */
export function snapped(value: number, end: number, near: number): number {
  if (value < near) return 0
  return value > end - near ? end : value
}

/** The whole pixels that a drag from one corner to the other touches; null where it touches none. */
export function boxBetween(from: Corner, to: Corner, { rows, columns }: Pick<Preview, 'rows' | 'columns'>, frame: number | null): PaintedBox | null {
  const left = Math.floor(within(Math.min(from.x, to.x), columns))
  const top = Math.floor(within(Math.min(from.y, to.y), rows))
  const right = Math.ceil(within(Math.max(from.x, to.x), columns))
  const bottom = Math.ceil(within(Math.max(from.y, to.y), rows))
  if (right - left < 1 || bottom - top < 1) return null
  return { top, left, rows: bottom - top, columns: right - left, frame }
}

/** The boxes that lie on a frame. */
export function boxesOn(boxes: readonly PaintedBox[], frame: number): readonly PaintedBox[] {
  return boxes.filter((box) => box.frame === null || box.frame === frame)
}

/** How many frames no box lies on. */
export function framesWithout(boxes: readonly PaintedBox[], frames: number): number {
  if (boxes.some(({ frame }) => frame === null)) return 0
  return frames - new Set(boxes.map(({ frame }) => frame)).size
}

/** How large the picture may be chosen, in times of what the dialog has room for. */
export const ZOOMS = [1, 2, 4] as const
export type Zoom = (typeof ZOOMS)[number]

/** What is to be seen of a file: not yet anything, its picture, one that did not come, or none at all. */
export type Sight = 'loading' | 'shown' | 'broken' | 'none'

export interface Choices {
  readonly accept: boolean
  readonly redact: boolean
  readonly refuse: boolean
}

/** The decisions that may be taken now; `rested` where the file was before somebody's eyes for a moment, `unseen` where it needs no eyes. */
export function choicesOf(sight: Sight, rested: boolean, boxes: number, finds: boolean, unseen = false): Choices {
  const seen = rested && sight === 'shown'
  return { accept: (seen && boxes === 0) || (rested && sight === 'none' && unseen), redact: seen && (boxes > 0 || finds), refuse: rested && sight !== 'loading' }
}
