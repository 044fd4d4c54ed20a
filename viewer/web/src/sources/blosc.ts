/*
 * A decoder of Blosc 1 containers with LZ4 inside.
 *
 * The common one is WebAssembly built by a compiler that needs `unsafe-eval`, which a strict content policy forbids.
 * Format: https://github.com/Blosc/c-blosc/blob/main/README_CHUNK_FORMAT.rst and LZ4 block format.
 */

const HEADER = 16
const SMALLEST_SPLIT = 128
const MOST_SPLITS = 16
const LZ4 = 1

const BYTE_SHUFFLE = 0x01
const STORED = 0x02
const BIT_SHUFFLE = 0x04
const NO_SPLIT = 0x10

function fail(problem: string): never {
  throw new RangeError(`blosc: ${problem}`)
}

/** Decompress one LZ4 block into `target[from, to)`. */
export function decodeLz4(source: Uint8Array, target: Uint8Array, from: number, to: number): void {
  let read = 0
  let write = from
  const extend = (length: number): number => {
    let total = length
    let more = 255
    while (more === 255) {
      if (read >= source.length) fail('length runs past the end')
      more = source[read++] as number
      total += more
    }
    return total
  }
  while (read < source.length) {
    const token = source[read++] as number
    let literals = token >>> 4
    if (literals === 15) literals = extend(15)
    if (read + literals > source.length || write + literals > to) fail('literals run past the end')
    for (let end = read + literals; read < end; ) target[write++] = source[read++] as number
    if (read >= source.length) break
    const offset = (source[read] as number) | ((source[read + 1] as number) << 8)
    read += 2
    let match = token & 15
    if (match === 15) match = extend(15)
    match += 4
    let copy = write - offset
    if (offset === 0 || copy < from || write + match > to) fail('match runs past the end')
    for (let end = write + match; write < end; ) target[write++] = target[copy++] as number
  }
  if (write !== to) fail('block is shorter than stated')
}

function unshuffleBytes(source: Uint8Array, target: Uint8Array, from: number, length: number, size: number): void {
  const count = Math.floor(length / size)
  for (let byte = 0; byte < size; byte += 1) {
    const row = byte * count
    for (let place = 0; place < count; place += 1) target[from + place * size + byte] = source[row + place] as number
  }
  for (let place = count * size; place < length; place += 1) target[from + place] = source[place] as number
}

function unshuffleBits(source: Uint8Array, target: Uint8Array, from: number, length: number, size: number): void {
  const count = Math.floor(length / size)
  if (count % 8 !== 0) {
    target.set(source.subarray(0, length), from)
    return
  }
  const groups = count / 8
  for (let byte = 0; byte < size; byte += 1) {
    const base = byte * 8 * groups
    for (let group = 0; group < groups; group += 1) {
      // Row k holds bit k of eight elements: an 8x8 bit matrix to transpose (Hacker's Delight 7-3).
      const at = base + group
      let low =
        (source[at] as number) | ((source[at + groups] as number) << 8) |
        ((source[at + 2 * groups] as number) << 16) | ((source[at + 3 * groups] as number) << 24)
      let high =
        (source[at + 4 * groups] as number) | ((source[at + 5 * groups] as number) << 8) |
        ((source[at + 6 * groups] as number) << 16) | ((source[at + 7 * groups] as number) << 24)
      let swap = (low ^ (low >>> 7)) & 0x00aa00aa
      low ^= swap ^ (swap << 7)
      swap = (high ^ (high >>> 7)) & 0x00aa00aa
      high ^= swap ^ (swap << 7)
      swap = (low ^ (low >>> 14)) & 0x0000cccc
      low ^= swap ^ (swap << 14)
      swap = (high ^ (high >>> 14)) & 0x0000cccc
      high ^= swap ^ (swap << 14)
      const first = (low & 0x0f0f0f0f) | ((high & 0x0f0f0f0f) << 4)
      const second = ((low >>> 4) & 0x0f0f0f0f) | (high & 0xf0f0f0f0)
      let to = from + group * 8 * size + byte
      for (let place = 0; place < 4; place += 1, to += size) target[to] = first >>> (8 * place)
      for (let place = 0; place < 4; place += 1, to += size) target[to] = second >>> (8 * place)
    }
  }
  for (let place = count * size; place < length; place += 1) target[from + place] = source[place] as number
}

/** Decompress a whole container. */
export function decodeBlosc(bytes: Uint8Array): Uint8Array {
  if (bytes.length < HEADER) fail('shorter than its header')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const flags = view.getUint8(2)
  const size = view.getUint8(3)
  const total = view.getUint32(4, true)
  const blockSize = view.getUint32(8, true)
  if (view.getUint32(12, true) > bytes.length) fail('shorter than stated')
  if (flags & STORED) return bytes.slice(HEADER, HEADER + total)
  if (flags >>> 5 !== LZ4) fail('only lz4 is understood')
  const result = new Uint8Array(total)
  const scratch = new Uint8Array(blockSize)
  const blocks = Math.ceil(total / blockSize)
  for (let block = 0; block < blocks; block += 1) {
    const from = block * blockSize
    const length = Math.min(blockSize, total - from)
    const shuffled = (flags & BIT_SHUFFLE) !== 0 || ((flags & BYTE_SHUFFLE) !== 0 && size > 1)
    const target = shuffled ? scratch : result
    const start = shuffled ? 0 : from
    const whole = length === blockSize
    const splits =
      whole && (flags & NO_SPLIT) === 0 && size <= MOST_SPLITS && blockSize / size >= SMALLEST_SPLIT ? size : 1
    decodeBlock(bytes, view, view.getUint32(HEADER + 4 * block, true), target, { start, length, splits })
    if (flags & BIT_SHUFFLE) unshuffleBits(scratch, result, from, length, size)
    else if (shuffled) unshuffleBytes(scratch, result, from, length, size)
  }
  return result
}

interface Block {
  readonly start: number
  readonly length: number
  readonly splits: number
}

function decodeBlock(bytes: Uint8Array, view: DataView, place: number, target: Uint8Array, block: Block): void {
  const part = block.length / block.splits
  let read = place
  for (let split = 0; split < block.splits; split += 1) {
    if (read + 4 > bytes.length) fail('block runs past the end')
    const packed = view.getUint32(read, true)
    read += 4
    const source = bytes.subarray(read, read + packed)
    if (source.length !== packed) fail('block runs past the end')
    const from = block.start + split * part
    if (packed === part) target.set(source, from)
    else decodeLz4(source, target, from, from + part)
    read += packed
  }
}
