import type { ImageReview } from '@/domain/review'

/** The voxel axis that a plane holds fixed. */
export type Axis = 'z' | 'y' | 'x'
export const AXES: readonly Axis[] = ['z', 'y', 'x']

/** One plane of an image, at one time point and channel. */
export interface Place {
  readonly axis: Axis
  readonly index: number
  readonly t: number
  readonly c: number
}

export type Vector = readonly [number, number, number]
/** 4x4: voxel centre (z, y, x, 1) to LPS mm. */
export type Affine = readonly (readonly number[])[]

/** A linear window in real units (PS3.3 C.11.2.1.2). */
export interface Window {
  readonly center: number
  readonly width: number
}

export interface Level {
  readonly shape: readonly number[]
  readonly scale: readonly number[]
}

export interface Image {
  readonly id: number
  readonly project: number
  readonly name: string
  /** What the pseudonymised header says of the series; empty when it says nothing. */
  readonly description: string
  readonly subject: string
  readonly modality: string
  readonly axes: string
  readonly shape: readonly number[]
  readonly dtype: string
  readonly affine: Affine
  /** mm along (z, y, x); null where the source gives none. */
  readonly spacing: readonly [number | null, number | null, number | null]
  /** Whether the affine says how the body lies; false for pictures and unpositioned radiographs. */
  readonly oriented: boolean
  readonly regular: boolean
  readonly irregularities: readonly string[]
  /** Of an irregular image the centre of voxel (0, 0) of each z plane, LPS mm; the affine holds for no other plane. */
  readonly positions: readonly Vector[]
  /** Whether pixels of it were painted over because of text: their values are made up. */
  readonly painted: boolean
  /** Whether it is one run of a volume of which planes are missing. */
  readonly parted: boolean
  /** The irregular image that this regular one was made of; null for one whose voxels are those of its files. */
  readonly resampledFrom: number | null
  readonly rescale: { readonly slope: readonly number[]; readonly intercept: readonly number[] }
  readonly units: string
  readonly padding: { readonly low: number; readonly high: number } | null
  readonly photometric: string
  readonly windows: readonly Window[]
  readonly levels: readonly Level[]
  readonly annotations: number
  readonly segmentations: number
  readonly review: ImageReview
  /** Terms of the whole image. */
  readonly terms: readonly number[]
}

/** Length along one named axis of `tczyx`; 1 where the image has no such axis. */
/** People count planes and frames from 1; addresses, the server and what is stored count from 0. */
export const ordinal = (index: number): number => index + 1

export function extent(image: Pick<Image, 'axes' | 'shape'>, axis: string): number {
  const place = image.axes.indexOf(axis)
  return place < 0 ? 1 : (image.shape[place] ?? 1)
}

export function isColour(image: Pick<Image, 'photometric'>): boolean {
  return image.photometric === 'RGB'
}

/** The (row, column) axes of the plane that holds `axis` fixed. */
export function planeAxes(axis: Axis): readonly [Axis, Axis] {
  switch (axis) {
    case 'z':
      return ['y', 'x']
    case 'y':
      return ['z', 'x']
    case 'x':
      return ['z', 'y']
  }
}

/** Planes that a reader can look at: all three of a volume, only `z` of a flat picture. */
export function viewableAxes(image: Pick<Image, 'axes' | 'shape'>): readonly Axis[] {
  return extent(image, 'z') > 1 ? AXES : ['z']
}
