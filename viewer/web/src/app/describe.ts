import { extent } from '@/domain/image'
import type { Image } from '@/domain/image'

/** Between the parts of one size, which stay on one line. */
const TIMES = '\u00a0×\u00a0'

/** Columns x rows x planes, with time points where there are several. */
export function describeSize(image: Image): string {
  const parts = [extent(image, 'x'), extent(image, 'y')]
  if (extent(image, 'z') > 1) parts.push(extent(image, 'z'))
  const times = extent(image, 't')
  return parts.join(TIMES) + (times > 1 ? ` · t ${times}` : '')
}

/** mm along x, y, z; null where the image is not calibrated. */
export function describeSpacing(image: Image, format: (value: number) => string): string | null {
  const [z, y, x] = image.spacing
  if (x === null || y === null) return null
  const parts = [x, y, ...(z === null || extent(image, 'z') === 1 ? [] : [z])]
  return `${parts.map(format).join(TIMES)}\u00a0mm`
}
