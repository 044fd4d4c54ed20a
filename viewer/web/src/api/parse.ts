import type { Annotation, ImageProperty, ImageTerm, Layer, Segmentation } from '@/domain/annotation'
import type { HeldDecision, HeldFile, PaintedBox, Preview, StoppedUpload } from '@/domain/held'
import type { Affine, Axis, Image, Level, Vector, Window } from '@/domain/image'
import type { Became, FileOutcome } from '@/domain/outcome'
import type { Job, JobState, Model, Outcomes, Project, Term, User } from '@/domain/project'
import type { ImageReview } from '@/domain/review'
import { readMetadata } from '@/domain/sending'
import type { Arriving, OpenUpload } from '@/domain/sending'

/* The server's JSON is read here once; inside the page its types are trusted. */

type Fields = Readonly<Record<string, unknown>>

const IDENTITY: Affine = [[0, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]]

export function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {}
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function number(value: unknown, otherwise = 0): number {
  const read = typeof value === 'string' && value !== '' ? Number(value) : value
  return typeof read === 'number' && Number.isFinite(read) ? read : otherwise
}

function numberOrNull(value: unknown): number | null {
  const read = number(value, Number.NaN)
  return Number.isNaN(read) ? null : read
}

function numbers(value: unknown): number[] {
  return list(value).map((item) => number(item))
}

function text(value: unknown, otherwise = ''): string {
  return typeof value === 'string' ? value : otherwise
}

/** Milliseconds since 1970: Cytomine sends them as text, newer routes send ISO 8601. */
function moment(value: unknown): number | null {
  if (typeof value === 'string' && /\D/.test(value)) {
    const parsed = Date.parse(value)
    return Number.isNaN(parsed) ? null : parsed
  }
  return numberOrNull(value)
}

export function parseUser(json: unknown): User {
  const user = fields(json)
  return { id: number(user.id), username: text(user.username), fullname: text(user.fullname, text(user.username)) }
}

export function parseProject(json: unknown): Project {
  const project = fields(json)
  const roles = list(project.roles)
  return {
    id: number(project.id),
    name: text(project.name),
    images: number(project.numberOfImages),
    annotations: number(project.numberOfAnnotations),
    // Lists of projects leave the roles out.
    roles: roles.length === 0 ? null : roles.map((role) => text(role)),
    ontology: number(project.ontology),
    pixelAccess: project.pixelAccess === 'rendered' || project.pixelAccess === 'none' ? project.pixelAccess : 'full',
    editing: project.isReadOnly === true ? 'read_only' : project.isRestricted === false ? 'classic' : 'restricted',
  }
}

export function parseTerm(json: unknown): Term {
  const term = fields(json)
  return {
    id: number(term.id),
    name: text(term.name),
    color: text(term.color, '#ffd700'),
    parent: numberOrNull(term.parent),
  }
}

function parseAffine(json: unknown): Affine {
  const rows = list(json).map(numbers)
  return rows.length === 4 && rows.every((row) => row.length === 4) ? rows : IDENTITY
}

function parseWindow(json: unknown): Window {
  const window = fields(json)
  return { center: number(window.center), width: Math.max(number(window.width, 1), 1) }
}

function parseLevel(json: unknown): Level {
  const level = fields(json)
  return { shape: numbers(level.shape), scale: numbers(level.scale) }
}

function parseVector(json: unknown): Vector {
  const [x = 0, y = 0, z = 0] = numbers(json)
  return [x, y, z]
}

export function parseReview(json: unknown): ImageReview {
  const image = fields(json)
  const phase = image.reviewed === true ? 'validated' : image.inReview === true ? 'open' : 'none'
  return { phase, reviewer: numberOrNull(image.reviewUser), validated: moment(image.reviewStop) }
}

export function parseImage(json: unknown): Image {
  const image = fields(json)
  const own = fields(image.imaging)
  const spacing = list(own.spacing_mm)
  const rescale = fields(own.rescale)
  const padding = own.padding === null || own.padding === undefined ? null : fields(own.padding)
  const irregularities = list(own.irregularities).map((item) => text(item))
  return {
    id: number(image.id),
    project: number(image.project),
    name: text(image.instanceFilename),
    subject: text(own.subject),
    description: text(own.description),
    modality: text(own.modality, 'OT'),
    axes: text(own.axes, 'zyx'),
    shape: numbers(own.shape),
    dtype: text(own.dtype, 'uint16'),
    affine: parseAffine(own.affine_lps),
    spacing: [numberOrNull(spacing[0]), numberOrNull(spacing[1]), numberOrNull(spacing[2])],
    // What is not placed, as a photograph, has a position of convenience only; images of before did not say, nor do lists give positions.
    oriented: own.placed !== false && !irregularities.includes('no_position') && numberOrNull(spacing[1]) !== null,
    regular: own.regular !== false,
    irregularities,
    positions: own.regular === false ? list(own.positions_lps).map(parseVector) : [],
    painted: own.painted === true,
    parted: own.parted === true,
    resampledFrom: own.resampled == null ? null : numberOrNull(fields(own.resampled).source),
    rescale: { slope: numbers(rescale.slope ?? [1]), intercept: numbers(rescale.intercept ?? [0]) },
    units: text(own.units, 'stored'),
    padding: padding === null ? null : { low: number(padding.low), high: number(padding.high) },
    photometric: text(own.photometric, 'MONOCHROME2'),
    windows: list(own.windows).map(parseWindow),
    levels: list(own.levels).map(parseLevel),
    annotations: number(image.numberOfAnnotations),
    segmentations: number(own.segmentations),
    review: parseReview(image),
    terms: numbers(own.terms),
  }
}

export function parseLayer(json: unknown): Layer {
  const layer = fields(json)
  const kind = text(layer.kind)
  return {
    id: number(layer.id),
    name: text(layer.name),
    kind: kind === 'model' || kind === 'source' || kind === 'review' ? kind : 'member',
    user: numberOrNull(layer.user),
  }
}

export function parseSegmentation(json: unknown): Segmentation {
  const segmentation = fields(json)
  return {
    id: number(segmentation.id),
    layer: number(segmentation.layer),
    name: text(segmentation.name),
    reviewed: segmentation.reviewed === true,
    terms: list(segmentation.terms).map((item) => {
      const term = fields(item)
      return { term: number(term.term), value: number(term.value) }
    }),
  }
}

function parseAxis(value: unknown): Axis {
  return value === 'y' || value === 'x' ? value : 'z'
}

export function parseAnnotation(json: unknown): Annotation {
  const annotation = fields(json)
  const id = number(annotation.id)
  return {
    key: `saved-${id}`,
    id,
    version: numberOrNull(annotation.version),
    axis: parseAxis(annotation.axis),
    index: number(annotation.index),
    t: number(annotation.t),
    c: number(annotation.c),
    wkt: text(annotation.location),
    terms: numbers(annotation.term),
    layer: numberOrNull(annotation.layer),
    user: numberOrNull(annotation.user),
    parent: numberOrNull(annotation.parentIdent),
    reviewed: annotation.reviewed === true,
  }
}

export function parseImageProperty(json: unknown): ImageProperty {
  const said = fields(json)
  return { name: text(said.key), value: text(said.value) }
}

export function parseImageTerm(json: unknown): ImageTerm {
  const given = fields(json)
  return {
    term: number(given.term),
    layer: numberOrNull(given.layer),
    probability: numberOrNull(given.probability),
  }
}

const STATES: ReadonlySet<string> = new Set(['queued', 'running', 'succeeded', 'failed', 'cancelled'])

function countReasons(items: readonly unknown[]): [string, number][] {
  const counts = new Map<string, number>()
  for (const item of items) {
    const reason = text(fields(item).reason)
    if (reason !== '') counts.set(reason, (counts.get(reason) ?? 0) + 1)
  }
  return [...counts]
}

const idsOf = (items: readonly unknown[], key: string): number[] =>
  [...new Set(items.map((item) => numberOrNull(fields(item)[key])))].filter((id) => id !== null)

/** What became of an upload, or of held files that were decided on; null for other results. */
function parseOutcomes(json: unknown): Outcomes | null {
  if (Array.isArray(json)) {
    const duplicates = json.filter((item) => fields(item).decision === 'duplicate').length
    const painted = json.reduce((sum: number, item) => sum + list(fields(item).painted).length, 0)
    const decided = json.filter((item) => fields(item).decision === 'decided')
    const held = countReasons(json.filter((item) => !decided.includes(item)))
    const shown = json.filter((item) => fields(item).text_left === true).length
    const attached = json.filter((item) => fields(item).attached === true)
    const made = json.filter((item) => !attached.includes(item))
    return { images: idsOf(made, 'image'), duplicates, attached: attached.length, held, painted, decided: decided.length, shown }
  }
  const report = fields(json)
  if (!Array.isArray(report.images) || !Array.isArray(report.quarantined)) return null
  const held = countReasons(report.quarantined)
  const attached = list(report.documents).length
  return { images: idsOf(report.images, 'id'), duplicates: number(report.duplicates), attached, held, painted: null, decided: 0, shown: 0 }
}

export function parseHeld(json: unknown): HeldFile {
  const file = fields(json)
  return {
    id: number(file.id),
    name: text(file.name),
    reason: text(file.reason),
    detail: text(file.detail),
    series: text(file.series),
    upload: number(file.upload),
    bytes: number(file.size),
    created: moment(file.created),
    decision: parseDecision(file.decision),
  }
}

function parseDecision(json: unknown): HeldDecision | null {
  if (typeof json !== 'object' || json === null) return null
  const { boxes, find } = fields(json)
  return { boxes: list(boxes).map(parseBox), find: find === true }
}

export function parseStopped(json: unknown): StoppedUpload {
  const upload = fields(json)
  return {
    id: number(upload.id),
    user: number(upload.user),
    username: text(upload.username),
    files: number(upload.files),
    partial: number(upload.partial),
    bytes: number(upload.size),
    created: moment(upload.created),
    state: upload.state === 'failed' || upload.state === 'cancelled' ? upload.state : 'none',
    reason: text(upload.reason),
  }
}

export function parseOpenUpload(json: unknown): OpenUpload {
  const { id, files, announced, size, touched } = fields(json)
  return { id: number(id), files: number(files), announced: number(announced), bytes: number(size), touched: moment(touched) }
}

export function parseArriving(json: unknown): Arriving {
  const { id, name, length, offset, whole, metadata } = fields(json)
  return {
    id: number(id),
    name: text(name),
    length: number(length),
    offset: number(offset),
    whole: whole === true,
    told: readMetadata(text(metadata)),
  }
}

const BECAME = new Set<unknown>(['image', 'document', 'duplicate', 'held'])

export function parseFileOutcome(json: unknown): FileOutcome {
  const { name, became, image, reason, detail, unmatched } = fields(json)
  return {
    name: text(name),
    became: BECAME.has(became) ? (became as Became) : 'held',
    image: numberOrNull(image),
    reason: text(reason),
    detail: text(detail),
    unmatched: numberOrNull(unmatched) ?? 0,
  }
}

export function parsePreview(json: unknown): Preview {
  const { frames, rows, columns, finds, outside } = fields(json)
  return {
    frames: number(frames),
    rows: number(rows),
    columns: number(columns),
    finds: finds === true,
    outside: list(outside).map(parseBox),
  }
}

function parseBox(json: unknown): PaintedBox {
  const { top, left, rows, columns, frame } = fields(json)
  return { top: number(top), left: number(left), rows: number(rows), columns: number(columns), frame: numberOrNull(frame) }
}

export function parseJob(json: unknown): Job {
  const job = fields(json)
  const state = text(job.state)
  return {
    id: number(job.id),
    kind: text(job.kind),
    state: STATES.has(state) ? (state as JobState) : 'queued',
    progress: number(job.progress),
    message: text(job.message),
    reason: text(job.reason),
    outcomes: parseOutcomes(job.result),
    user: number(job.user),
    upload: numberOrNull(job.upload),
    created: moment(job.created),
  }
}

export function parseModel(json: unknown): Model {
  const model = fields(json)
  return {
    id: number(model.id),
    name: text(model.name),
    version: String(model.version ?? ''),
    task: text(model.task),
    metrics: model.metrics === null || model.metrics === undefined ? null : fields(model.metrics),
    created: moment(model.created),
  }
}
