const TABLE = new Uint32Array(256)
for (let byte = 0; byte < 256; byte += 1) {
  let rest = byte
  for (let bit = 0; bit < 8; bit += 1) rest = rest & 1 ? (rest >>> 1) ^ 0x82f63b78 : rest >>> 1
  TABLE[byte] = rest
}

/** CRC-32C (Castagnoli) of some bytes, RFC 3720 appendix B.4. */
export function crc32c(bytes: Uint8Array): number {
  let sum = 0xffffffff
  for (let place = 0; place < bytes.length; place += 1) {
    sum = (sum >>> 8) ^ (TABLE[(sum ^ (bytes[place] as number)) & 0xff] as number)
  }
  return (sum ^ 0xffffffff) >>> 0
}

/** Check and remove the four little-endian bytes at the end. */
export function stripChecksum(bytes: Uint8Array): Uint8Array {
  if (bytes.length < 4) throw new RangeError('chunk is too short for its checksum')
  const body = bytes.subarray(0, -4)
  const stated = new DataView(bytes.buffer, bytes.byteOffset + body.length, 4).getUint32(0, true)
  if (crc32c(body) !== stated) throw new RangeError('chunk differs from its checksum')
  return body
}
