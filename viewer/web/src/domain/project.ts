import type { Layer } from '@/domain/annotation'

export interface User {
  readonly id: number
  readonly username: string
  readonly fullname: string
}

/** What pixels a browser may fetch: exact values, pictures, or nothing. */
export type PixelAccess = 'full' | 'rendered' | 'none'

/** Whose drawings annotators change: everybody's, their own, or nobody's. */
export type EditingMode = 'classic' | 'restricted' | 'read_only'

export interface Project {
  readonly id: number
  readonly name: string
  readonly images: number
  readonly annotations: number
  /** Roles of the signed-in member when the server tells them, else null. */
  readonly roles: readonly string[] | null
  readonly pixelAccess: PixelAccess
  readonly editing: EditingMode
  /** Where its terms are kept. */
  readonly ontology: number
}

export interface Term {
  readonly id: number
  readonly name: string
  readonly color: string
  readonly parent: number | null
}

export type JobState = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled'

/** What files became; `held` counts per reason. */
export interface Outcomes {
  readonly images: readonly number[]
  readonly duplicates: number
  /** How many files were attached to an image: segmentations, structure sets. */
  readonly attached: number
  readonly held: readonly (readonly [string, number])[]
  /** How many boxes were painted over on the way; null where nobody decided on it. */
  readonly painted: number | null
  /** On how many files text is found still, where somebody painted over nothing but the boxes that they drew. */
  readonly shown: number
  /** How many files were decided on whose volume still waits for a decision on others. */
  readonly decided: number
}

export interface Job {
  readonly id: number
  readonly kind: string
  readonly state: JobState
  readonly progress: number
  readonly message: string
  readonly reason: string
  /** What an ended upload became, or held files that were decided on; else null. */
  readonly outcomes: Outcomes | null
  /** Whose it is. */
  readonly user: number
  /** The upload that it makes images of; null for other kinds. */
  readonly upload: number | null
  readonly created: number | null
}

export function isFinal(state: JobState): boolean {
  return state === 'succeeded' || state === 'failed' || state === 'cancelled'
}

export interface Model {
  readonly id: number
  readonly name: string
  readonly version: string
  readonly task: string
  readonly metrics: Readonly<Record<string, unknown>> | null
  readonly created: number | null
}

const MANAGERS = new Set(['manager'])
const UPLOADERS = new Set(['manager', 'uploader'])
const DECIDERS = new Set(['manager', 'controller'])
const TRAINERS = new Set(['manager', 'data_scientist'])
const REVIEWERS = new Set(['manager', 'reviewer'])
const ANNOTATORS = new Set(['manager', 'annotator', 'reviewer'])

function holds(project: Project | null, roles: ReadonlySet<string>): boolean {
  // The server decides in any case; an unknown role hides nothing.
  if (project === null || project.roles === null) return true
  return project.roles.some((role) => roles.has(role))
}

/** As `holds`, for what only managers do while a project is read-only. */
function edits(project: Project | null, roles: ReadonlySet<string>): boolean {
  return holds(project, project?.editing === 'read_only' ? MANAGERS : roles)
}

/** Who may change what lies in a layer that is not their own, as the server has it. */
const CHANGERS: Readonly<Record<Layer['kind'], ReadonlySet<string>>> = {
  member: REVIEWERS,
  review: REVIEWERS,
  model: new Set([...REVIEWERS, ...TRAINERS]),
  source: new Set([...REVIEWERS, 'data_scientist']),
}

export const mayNameTerms = (project: Project | null): boolean => holds(project, MANAGERS)
export const mayResample = (project: Project | null): boolean => holds(project, MANAGERS)
export const mayUpload = (project: Project | null): boolean => holds(project, UPLOADERS)
export const mayDecide = (project: Project | null): boolean => holds(project, DECIDERS)
/** Who may have an upload ingested: whoever sent it, and who manages the project. */
export const mayResume = (project: Project | null, sender: number, me: number | null): boolean =>
  holds(project, MANAGERS) || (mayUpload(project) && sender === me)
/** Who sees what became of each file of an upload: whoever sent it, and who decides on held files. */
export const maySeeFiles = (project: Project | null, sender: number, me: number | null): boolean =>
  mayDecide(project) || (mayUpload(project) && sender === me)
export const mayTrain = (project: Project | null): boolean => edits(project, TRAINERS)
export const mayAnnotate = (project: Project | null): boolean => edits(project, ANNOTATORS)
export const mayChangeOthers = (project: Project | null, kind: Layer['kind']): boolean =>
  edits(project, project?.editing === 'classic' && kind === 'member' ? ANNOTATORS : CHANGERS[kind])
export const mayReview = (project: Project | null): boolean => edits(project, REVIEWERS)
/** Who may take back another member's review. */
export const mayCancelReview = (project: Project | null): boolean => holds(project, MANAGERS)
