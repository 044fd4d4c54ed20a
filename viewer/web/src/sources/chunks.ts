import { open, registry, root, withRangeCoalescing } from 'zarrita'
import { ask } from '@/api/client'
import { FailureError } from '@/domain/failure'
import { decodeBlosc } from '@/sources/blosc'
import { stripChecksum } from '@/sources/crc32c'

interface RangeWish {
  readonly offset?: number
  readonly length?: number
  readonly suffixLength?: number
}

function encode(): never {
  throw new RangeError('the page never writes chunks')
}

/** What zarrita unpacks one kind of bytes with. */
function codec(decode: (bytes: Uint8Array) => Uint8Array, sizes: object = {}): never {
  return (() => ({ fromConfig: () => ({ kind: 'bytes_to_bytes', encode, decode, ...sizes }) })) as never
}

registry.set('blosc', codec(decodeBlosc))
// zarrita's own codec drops the checksum without looking at it.
registry.set('crc32c', codec(stripChecksum, { computeEncodedSize: (decoded: number) => decoded + 4 }))

/** Authorised Range reads below one address. A missing shard is an error: zarrita would show it as empty. */
class ChunkStore {
  constructor(private readonly address: string) {}

  async get(key: string, options?: { signal?: AbortSignal }): Promise<Uint8Array | undefined> {
    try {
      return await this.read(key, undefined, options?.signal)
    } catch (error) {
      const absent = error instanceof FailureError && error.failure.kind === 'absent'
      if (absent && !key.includes('/c/')) return undefined
      throw error
    }
  }

  getRange(key: string, range: RangeWish, options?: { signal?: AbortSignal }): Promise<Uint8Array | undefined> {
    return this.read(key, range, options?.signal)
  }

  private async read(key: string, range: RangeWish | undefined, signal?: AbortSignal): Promise<Uint8Array> {
    const headers: Record<string, string> = range === undefined ? {} : { Range: rangeHeader(range) }
    const response = await ask(`${this.address}${key}`, { headers, signal })
    const bytes = new Uint8Array(await response.arrayBuffer())
    if (range === undefined || response.status === 206) return bytes
    return range.suffixLength === undefined
      ? bytes.subarray(range.offset, (range.offset ?? 0) + (range.length ?? 0))
      : bytes.subarray(-range.suffixLength)
  }
}

function rangeHeader({ offset = 0, length = 0, suffixLength }: RangeWish): string {
  return suffixLength === undefined ? `bytes=${offset}-${offset + length - 1}` : `bytes=-${suffixLength}`
}

export interface VolumeArray {
  readonly shape: readonly number[]
  readonly chunks: readonly number[]
  getChunk(coordinates: number[], options?: { signal?: AbortSignal }): Promise<{ data: unknown; shape: number[] }>
}

/** Open one level of an image. */
export async function openLevel(imageId: number, level: number, signal?: AbortSignal): Promise<VolumeArray> {
  const store = new ChunkStore(`/api/imageinstance/${imageId}/zarr`)
  // Neighbouring chunks travel together; as many at a time as are asked for at once.
  const place = root(withRangeCoalescing(store as never) as never).resolve(String(level))
  const array = await open.v3(place, { kind: 'array' })
  signal?.throwIfAborted()
  return array as unknown as VolumeArray
}
