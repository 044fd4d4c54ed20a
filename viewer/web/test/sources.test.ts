import { describe, expect, test } from 'vitest'
import { storedFrom } from '@/core/plane'
import type { Image } from '@/domain/image'
import { decodeBlosc } from '@/sources/blosc'
import { crc32c, stripChecksum } from '@/sources/crc32c'
import { cutPreview, previewLevel } from '@/sources/preview'
import cases from './fixtures/blosc.json'

/* The containers in fixtures/blosc.json were packed by c-blosc 1 (numcodecs). */

describe('blosc', () => {
  test.each(cases)('$name', ({ packed, dtype, length, sum, weighted }) => {
    const bytes = decodeBlosc(Uint8Array.from(Buffer.from(packed, 'base64')))
    const values = storedFrom(bytes.buffer as ArrayBuffer, dtype)
    let [total, turned] = [0, 0]
    values.forEach((value: number, place: number) => {
      total += value
      turned += value * place
    })
    expect([values.length, total, turned]).toEqual([length, sum, weighted])
  })

  test('a broken container is refused, not read past its end', () => {
    const packed = Uint8Array.from(Buffer.from(cases[0]?.packed ?? '', 'base64'))
    expect(() => decodeBlosc(packed.subarray(0, packed.length - 40))).toThrow(RangeError)
    expect(() => decodeBlosc(packed.subarray(0, 9))).toThrow(RangeError)
  })
})

describe('checksum', () => {
  test('is the Castagnoli one', () => {
    expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283)
  })

  test('one flipped bit is noticed', () => {
    const body = Uint8Array.of(1, 2, 3, 4, 5)
    const chunk = new Uint8Array(9)
    chunk.set(body)
    new DataView(chunk.buffer).setUint32(5, crc32c(body), true)
    expect([...stripChecksum(chunk)]).toEqual([...body])
    chunk[2] = (chunk[2] ?? 0) ^ 16
    expect(() => stripChecksum(chunk)).toThrow(RangeError)
  })
})

describe('preview', () => {
  // Voxel (z, y, x) of the coarse volume is 100 z + 10 y + x.
  const volume = Int16Array.from({ length: 2 * 3 * 4 }, (_, place) => {
    const [z, y, x] = [Math.floor(place / 12), Math.floor(place / 4) % 3, place % 4]
    return 100 * z + 10 * y + x
  })
  const preview = { shape: [2, 3, 4] as const, steps: [1, 2, 2] as const, channels: [volume] }

  test('planes are cut across each axis at the coarse index', () => {
    expect([...(cutPreview(preview, 'z', 1).channels[0] ?? [])]).toEqual([100, 101, 102, 103, 110, 111, 112, 113, 120, 121, 122, 123])
    expect([...(cutPreview(preview, 'y', 3).channels[0] ?? [])]).toEqual([10, 11, 12, 13, 110, 111, 112, 113])
    expect([...(cutPreview(preview, 'x', 5).channels[0] ?? [])]).toEqual([2, 12, 22, 102, 112, 122])
    const plane = cutPreview(preview, 'y', 3)
    expect([plane.rows, plane.columns, plane.rowStep, plane.columnStep, plane.exact]).toEqual([2, 4, 1, 2, false])
  })

  test('an index beyond the coarse volume takes its last plane', () => {
    expect([...(cutPreview(preview, 'x', 8).channels[0] ?? [])]).toEqual([3, 13, 23, 103, 113, 123])
  })

  test('the coarsest level is chosen with its steps, unless it is too large', () => {
    const image = {
      dtype: 'int16',
      levels: [
        { shape: [40, 512, 512], scale: [5, 0.5, 0.5] },
        { shape: [40, 256, 256], scale: [5, 1, 1] },
      ],
    } as unknown as Image
    expect(previewLevel(image)).toEqual({ level: 1, steps: [1, 2, 2] })
    const large = { ...image, levels: [{ shape: [600, 256, 256], scale: [1, 1, 1] }] } as unknown as Image
    expect(previewLevel(large)).toBeNull()
    expect(previewLevel({ ...image, levels: [] } as unknown as Image)).toBeNull()
  })
})
