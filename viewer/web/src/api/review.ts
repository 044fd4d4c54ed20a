import { askCollection, askJson } from '@/api/client'
import * as parse from '@/api/parse'
import type { Annotation } from '@/domain/annotation'
import type { User } from '@/domain/project'
import type { ImageReview } from '@/domain/review'

/* The review of what was drawn on an image. */

type Method = 'POST' | 'DELETE'

async function changeReview(path: string, method: Method): Promise<ImageReview> {
  return parse.parseReview(parse.fields(await askJson(path, { method })).imageinstance)
}

export async function review(image: number): Promise<ImageReview> {
  return parse.parseReview(await askJson(`/api/imageinstance/${image}.json`))
}

export function start(image: number): Promise<ImageReview> {
  return changeReview(`/api/imageinstance/${image}/review.json`, 'POST')
}

export function validate(image: number): Promise<ImageReview> {
  return changeReview(`/api/imageinstance/${image}/review.json`, 'DELETE')
}

/** Take back that the review was validated, or else that it began. */
export function takeBack(image: number): Promise<ImageReview> {
  return changeReview(`/api/imageinstance/${image}/review.json?cancel=True`, 'DELETE')
}

/** Accept an annotation; gives the copy that was made. */
export async function accept(annotation: number): Promise<Annotation> {
  const told = parse.fields(await askJson(`/api/annotation/${annotation}/review.json`, { method: 'POST' }))
  return parse.parseAnnotation(told.reviewedannotation)
}

/** Reject a copy; gives the command by which it is brought back. */
export async function reject(copy: number): Promise<number> {
  return Number(parse.fields(await askJson(`/api/annotation/${copy}/review.json`, { method: 'DELETE' })).command)
}

/** Bring back what a command removed. */
export async function restore(command: number): Promise<void> {
  await askJson(`/api/command/${command}/undo.json`, { method: 'POST' })
}

async function changeLayer(image: number, layer: number, method: Method): Promise<Annotation[]> {
  const told = parse.fields(await askJson(`/api/imageinstance/${image}/annotation/review.json?layers=${layer}`, { method }))
  return parse.list(told.collection).map(parse.parseAnnotation)
}

/** Accept all that waits in a layer; gives the copies that were made. */
export function acceptLayer(image: number, layer: number): Promise<Annotation[]> {
  return changeLayer(image, layer, 'POST')
}

/** Reject all that was accepted of a layer; gives the copies that are gone. */
export function rejectLayer(image: number, layer: number): Promise<Annotation[]> {
  return changeLayer(image, layer, 'DELETE')
}

/** The reviewed copies on an image. */
export async function copies(image: number): Promise<Annotation[]> {
  const query = `image=${image}&reviewed=True&showWKT=true&showMeta=true&showTerm=true&showUser=true&showSlice=true&max=0`
  return (await askCollection(`/api/annotation.json?${query}`)).map(parse.parseAnnotation).filter(({ parent }) => parent !== null)
}

export async function members(project: number): Promise<User[]> {
  return (await askCollection(`/api/project/${project}/user.json?max=0`)).map(parse.parseUser)
}
