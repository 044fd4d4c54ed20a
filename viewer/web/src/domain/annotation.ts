import type { Place } from '@/domain/image'

/** What a member drew: `wkt` in full-resolution pixels of the plane, origin lower-left, y up. */
export interface Drawing extends Place {
  readonly wkt: string
  readonly terms: readonly number[]
}

/**
 * A drawing with its identity.
 *
 * `key` is the page's own and survives undo and redo; `id` and `version` are the server's, null until saved.
 */
export interface Annotation extends Drawing {
  readonly key: string
  readonly id: number | null
  readonly version: number | null
  readonly layer: number | null
  readonly user: number | null
  /** Of a reviewed copy: what it was made of, which may be gone. */
  readonly parent: number | null
  /** Whether it counts as reviewed: accepted, come in as such, or a reviewed copy itself. */
  readonly reviewed: boolean
}

/** What this page last knew of a drawing on the server, which mends and cuts what it stores. */
export interface Identity {
  readonly id: number
  readonly version: number | null
  readonly terms: readonly number[]
  readonly layer: number | null
  readonly wkt: string
}

export type ShapeKind = 'point' | 'line' | 'rectangle' | 'polygon'

export interface Layer {
  readonly id: number
  readonly name: string
  readonly kind: 'member' | 'model' | 'source' | 'review'
  readonly user: number | null
}

export interface Segmentation {
  readonly id: number
  readonly layer: number
  readonly name: string
  readonly reviewed: boolean
  readonly terms: readonly { readonly term: number; readonly value: number }[]
}

/** What a table that came with the images says of a whole one. */
export interface ImageProperty {
  readonly name: string
  readonly value: string
}

export interface ImageTerm {
  readonly term: number
  readonly layer: number | null
  readonly probability: number | null
}
