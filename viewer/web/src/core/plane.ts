import type { Axis } from '@/domain/image'

export type Stored = Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array | Float32Array

/**
 * Stored values of one plane, C order.
 *
 * `rowStep` and `columnStep` say how many full-resolution elements one element covers (1 for an exact plane).
 * `channels` are separate arrays of equal size: one, or three of a colour picture.
 */
export interface Plane {
  readonly axis: Axis
  readonly index: number
  readonly rows: number
  readonly columns: number
  readonly rowStep: number
  readonly columnStep: number
  readonly exact: boolean
  readonly channels: readonly Stored[]
}

export function byteLength(plane: Plane): number {
  return plane.channels.reduce((sum, channel) => sum + channel.byteLength, 0)
}

const SAMPLE = 60_000

/** Some tens of thousands of stored values, evenly spread; for percentiles. */
export function sampleOf(values: Stored): Float64Array {
  const step = Math.max(Math.floor(values.length / SAMPLE), 1)
  return Float64Array.from({ length: Math.floor(values.length / step) }, (_, place) => values[place * step] ?? 0)
}

/** Little-endian bytes as numbers of a numpy dtype name. */
export function storedFrom(bytes: ArrayBuffer, dtype: string): Stored {
  switch (dtype.replace(/^[<|=]/, '')) {
    case 'int8':
    case 'i1':
      return new Int8Array(bytes)
    case 'uint8':
    case 'u1':
    case 'bool':
      return new Uint8Array(bytes)
    case 'int16':
    case 'i2':
      return new Int16Array(bytes)
    case 'uint16':
    case 'u2':
      return new Uint16Array(bytes)
    case 'int32':
    case 'i4':
      return new Int32Array(bytes)
    case 'uint32':
    case 'u4':
      return new Uint32Array(bytes)
    case 'float32':
    case 'f4':
      return new Float32Array(bytes)
    default:
      throw new RangeError(`no such dtype: ${dtype}`)
  }
}
