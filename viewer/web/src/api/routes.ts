import { ask, askCollection, askJson } from '@/api/client'
import * as parse from '@/api/parse'
import type { Annotation, Identity, ImageProperty, ImageTerm, Layer, Segmentation } from '@/domain/annotation'
import { FailureError } from '@/domain/failure'
import type { HeldDecision, HeldFile, Look, Preview, StoppedUpload } from '@/domain/held'
import type { Axis, Image, Place, Window } from '@/domain/image'
import type { FileOutcome } from '@/domain/outcome'
import type { Job, Model, Project, Term, User } from '@/domain/project'
import type { OpenUpload } from '@/domain/sending'

/* ---- session ---- */
export async function currentUser(signal?: AbortSignal): Promise<User> {
  const told = parse.fields(await askJson('/api/session.json', { signal }))
  return parse.parseUser(told.user)
}

export async function signIn(username: string, password: string): Promise<User> {
  const told = parse.fields(await askJson('/api/session.json', { method: 'POST', body: { username, password } }))
  return parse.parseUser(told.user)
}

export async function signOut(): Promise<void> {
  await ask('/api/session.json', { method: 'DELETE' })
}

/* ---- projects, terms, models, jobs ---- */
export async function projects(signal?: AbortSignal): Promise<Project[]> {
  return (await askCollection('/api/project.json?max=0', signal)).map(parse.parseProject)
}

export async function project(id: number, signal?: AbortSignal): Promise<Project> {
  return parse.parseProject(await askJson(`/api/project/${id}.json`, { signal }))
}

export async function terms(projectId: number, signal?: AbortSignal): Promise<Term[]> {
  return (await askCollection(`/api/project/${projectId}/term.json?max=0`, signal)).map(parse.parseTerm)
}

export async function addTerm(ontology: number, name: string, color: string): Promise<Term> {
  const told = parse.fields(await askJson('/api/term.json', { method: 'POST', body: { ontology, name, color } }))
  return parse.parseTerm(told.term)
}

export async function models(projectId: number, signal?: AbortSignal): Promise<Model[]> {
  return (await askCollection(`/api/project/${projectId}/model.json`, signal)).map(parse.parseModel)
}

export async function jobs(projectId: number, signal?: AbortSignal): Promise<Job[]> {
  return (await askCollection(`/api/project/${projectId}/job.json`, signal)).map(parse.parseJob)
}

export async function cancelJob(id: number): Promise<void> {
  await ask(`/api/job/${id}/cancel.json`, { method: 'POST', body: {} })
}

export async function train(projectId: number, work: { task: string; device: string; split: string }): Promise<void> {
  await askJson(`/api/project/${projectId}/train.json`, { method: 'POST', body: { ...work, config: {} } })
}

export async function predict(projectId: number, model: number, images: readonly number[]): Promise<void> {
  await askJson(`/api/project/${projectId}/predict.json`, { method: 'POST', body: { model, images } })
}

export async function resample(image_: number, acrossGaps: boolean): Promise<void> {
  await askJson(`/api/imageinstance/${image_}/resample.json`, { method: 'POST', body: { acrossGaps } })
}

/* ---- held files ---- */
export async function held(projectId: number, signal?: AbortSignal): Promise<HeldFile[]> {
  return (await askCollection(`/api/project/${projectId}/quarantine.json`, signal)).map(parse.parseHeld)
}

export async function preview(projectId: number, item: number, signal?: AbortSignal): Promise<Preview> {
  return parse.parsePreview(await askJson(`/api/project/${projectId}/quarantine/${item}/preview.json`, { signal }))
}

export function heldFrame(projectId: number, item: number, frame: number, look: Look): string {
  return `/api/project/${projectId}/quarantine/${item}/frame.png?frame=${frame}&look=${look}`
}

/** Make images of held files as they are, together; gives the job. */
export async function accept(projectId: number, items: readonly number[], signal?: AbortSignal): Promise<number> {
  return await review(projectId, { items, accept: true }, signal)
}

/** Paint held files over as decided, then make images; gives the job. */
export async function redact(
  projectId: number, items: readonly number[], { boxes, find }: HeldDecision, signal?: AbortSignal,
): Promise<number> {
  return await review(projectId, { items, boxes, find }, signal)
}

async function review(projectId: number, body: unknown, signal?: AbortSignal): Promise<number> {
  return parse.parseJob(await askJson(`/api/project/${projectId}/quarantine/review.json`, { method: 'POST', body, signal })).id
}

export async function refuse(projectId: number, item: number, signal?: AbortSignal): Promise<void> {
  await ask(`/api/project/${projectId}/quarantine/${item}/refuse.json`, { method: 'POST', body: {}, signal })
}

/** Delete held files for good, all or none. */
export async function refuseTogether(projectId: number, items: readonly number[], signal?: AbortSignal): Promise<void> {
  await ask(`/api/project/${projectId}/quarantine/refuse.json`, { method: 'POST', body: { items }, signal })
}

/* ---- uploads that stopped half-way ---- */
export async function stopped(projectId: number, signal?: AbortSignal): Promise<StoppedUpload[]> {
  return (await askCollection(`/api/project/${projectId}/quarantine/uploads.json`, signal)).map(parse.parseStopped)
}

export async function resume(projectId: number, upload: number, signal?: AbortSignal): Promise<void> {
  await ask(`/api/project/${projectId}/quarantine/uploads/${upload}/resume.json`, { method: 'POST', body: {}, signal })
}

export async function discard(projectId: number, upload: number, signal?: AbortSignal): Promise<void> {
  await ask(`/api/project/${projectId}/quarantine/uploads/${upload}/discard.json`, { method: 'POST', body: {}, signal })
}

/* ---- uploads on their way, and what became of them ---- */
export async function openUploads(projectId: number, signal?: AbortSignal): Promise<OpenUpload[]> {
  return (await askCollection(`/api/project/${projectId}/upload.json`, signal)).map(parse.parseOpenUpload)
}

export async function abandon(projectId: number, upload: number): Promise<void> {
  await ask(`/api/project/${projectId}/upload/${upload}.json`, { method: 'DELETE' })
}

export async function outcomes(projectId: number, upload: number, signal?: AbortSignal): Promise<FileOutcome[]> {
  return (await askCollection(`/api/project/${projectId}/upload/${upload}/outcome.json`, signal)).map(parse.parseFileOutcome)
}

/* ---- images ---- */
export async function images(projectId: number, signal?: AbortSignal): Promise<Image[]> {
  return (await askCollection(`/api/project/${projectId}/imageinstance.json?max=0`, signal)).map(parse.parseImage)
}

export async function image(id: number, signal?: AbortSignal): Promise<Image> {
  return parse.parseImage(await askJson(`/api/imageinstance/${id}.json`, { signal }))
}

export function thumbnail(id: number, size: number): string {
  return `/api/imageinstance/${id}/thumb.png?maxSize=${size}`
}

export async function imageTerms(id: number, signal?: AbortSignal): Promise<ImageTerm[]> {
  return (await askCollection(`/api/imageinstance/${id}/term.json`, signal)).map(parse.parseImageTerm)
}

export async function imageProperties(id: number, signal?: AbortSignal): Promise<ImageProperty[]> {
  const path = `/api/domain/be.cytomine.domain.image.ImageInstance/${id}/property.json?max=0`
  return (await askCollection(path, signal)).map(parse.parseImageProperty)
}

export async function setImageTerm(id: number, term: number, given: boolean): Promise<void> {
  await ask(`/api/imageinstance/${id}/term/${term}.json`, given ? { method: 'POST', body: {} } : { method: 'DELETE' })
}

/* ---- layers, annotations, segmentations ---- */
export async function layers(imageId: number, signal?: AbortSignal): Promise<Layer[]> {
  return (await askCollection(`/api/imageinstance/${imageId}/layer.json`, signal)).map(parse.parseLayer)
}

export async function segmentations(imageId: number, signal?: AbortSignal): Promise<Segmentation[]> {
  return (await askCollection(`/api/imageinstance/${imageId}/segmentation.json`, signal)).map(parse.parseSegmentation)
}

export async function annotations(imageId: number, signal?: AbortSignal): Promise<Annotation[]> {
  const query = `image=${imageId}&showWKT=true&showMeta=true&showTerm=true&showUser=true&showSlice=true&max=0`
  return (await askCollection(`/api/annotation.json?${query}`, signal)).map(parse.parseAnnotation)
}

export async function annotation(id: number): Promise<Annotation | null> {
  try {
    return parse.parseAnnotation(await askJson(`/api/annotation/${id}.json`))
  } catch (error) {
    if (error instanceof FailureError && error.failure.kind === 'absent') return null
    throw error
  }
}

function drawingBody({ axis, index, t, c, wkt }: Annotation): Record<string, unknown> {
  return { location: wkt, axis, index, t, c }
}

function savedAnnotation(json: unknown): Annotation {
  return parse.parseAnnotation(parse.fields(json).annotation)
}

/** Save a new drawing; asked again with the same token, the server does not make it twice. */
export async function createAnnotation(image_: Image, drawing: Annotation, token: string): Promise<Annotation> {
  const body = { image: image_.id, project: image_.project, term: drawing.terms, token, ...drawingBody(drawing) }
  return savedAnnotation(await askJson('/api/annotation.json', { method: 'POST', body }))
}

/** Save a drawing; terms go along only where they were changed here, so that those of a colleague stay. */
export async function editAnnotation(known: Identity, drawing: Annotation): Promise<Annotation> {
  const { id, version } = known
  const retagged = known.terms.join() !== drawing.terms.join()
  const body = { id, ...(version === null ? {} : { version }), ...(retagged ? { term: drawing.terms } : {}), ...drawingBody(drawing) }
  return savedAnnotation(await askJson(`/api/annotation/${id}.json`, { method: 'PUT', body }))
}

/** Delete a drawing, unless somebody saved a newer version than the known one. */
export async function deleteAnnotation({ id, version }: Identity): Promise<void> {
  try {
    await ask(`/api/annotation/${id}.json${version === null ? '' : `?version=${version}`}`, { method: 'DELETE' })
  } catch (error) {
    // Whoever deleted it first did what was wanted.
    if (!(error instanceof FailureError && error.failure.kind === 'absent')) throw error
  }
}

/* ---- pixels ---- */
export interface PlaneBytes {
  readonly bytes: ArrayBuffer
  readonly rows: number
  readonly columns: number
  readonly dtype: string
}

async function planeBytes(path: string, fallbackDtype: string, signal?: AbortSignal): Promise<PlaneBytes> {
  const response = await ask(path, { signal })
  const shape = (response.headers.get('X-Imaging-Shape') ?? '').match(/\d+/g)?.map(Number) ?? []
  const [rows, columns] = shape.slice(-2)
  const bytes = await response.arrayBuffer()
  if (rows === undefined || columns === undefined) throw new FailureError({ kind: 'broken', status: 200 })
  return { bytes, rows, columns, dtype: response.headers.get('X-Imaging-Dtype') ?? fallbackDtype }
}

export function imagePlane(id: number, dtype: string, { axis, index, t, c }: Place, signal?: AbortSignal): Promise<PlaneBytes> {
  return planeBytes(`/api/imageinstance/${id}/plane/${axis}/${index}?t=${t}&c=${c}`, dtype, signal)
}

/** A plane as a PNG whose grey levels the server made with this window; null is the window that it finds best. */
export async function renderedPlane(
  id: number, { axis, index, t, c }: Place, window_: Window | null, signal?: AbortSignal,
): Promise<Blob> {
  const look = window_ === null ? '' : `&center=${window_.center}&width=${window_.width}`
  return (await ask(`/api/imageinstance/${id}/render/${axis}/${index}.png?t=${t}&c=${c}${look}`, { signal })).blob()
}

export function segmentationPlane(id: number, axis: Axis, index: number, signal?: AbortSignal): Promise<PlaneBytes> {
  return planeBytes(`/api/segmentation/${id}/plane/${axis}/${index}`, 'uint16', signal)
}
