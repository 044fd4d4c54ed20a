import type { Image, Window } from '@/domain/image'

/** A named way to look at an image; `name` is a key of the translations. */
export interface Preset {
  readonly name: string
  readonly window: Window | { readonly percentiles: readonly [number, number] } | 'full'
}

const CT: readonly Preset[] = [
  { name: 'softTissue', window: { center: 40, width: 400 } },
  { name: 'lung', window: { center: -600, width: 1500 } },
  { name: 'bone', window: { center: 400, width: 1800 } },
  { name: 'brain', window: { center: 40, width: 80 } },
  { name: 'liver', window: { center: 60, width: 160 } },
  { name: 'angiography', window: { center: 300, width: 600 } },
]

const SUV: readonly Preset[] = [
  { name: 'suv5', window: { center: 2.5, width: 5 } },
  { name: 'suv10', window: { center: 5, width: 10 } },
  { name: 'suv20', window: { center: 10, width: 20 } },
]

const PERCENTILES: readonly Preset[] = [
  { name: 'percentile1', window: { percentiles: [1, 99] } },
  { name: 'percentile5', window: { percentiles: [5, 95] } },
  { name: 'percentile02', window: { percentiles: [0.2, 99.8] } },
  { name: 'full', window: 'full' },
]

const COLOUR: readonly Preset[] = [{ name: 'asStored', window: { center: 128, width: 256 } }]

/** The presets of one image: the header's own first, then what its kind of picture is read with. */
export function presetsFor(image: Pick<Image, 'units' | 'photometric' | 'windows'>): readonly Preset[] {
  if (image.photometric === 'RGB') return COLOUR
  const header = image.windows
    .slice(0, 2)
    .map((window, place): Preset => ({ name: place === 0 ? 'header' : 'header2', window }))
  if (image.units === 'HU') return [...header, ...CT]
  if (image.units === 'SUVbw') return [...header, ...SUV, ...PERCENTILES]
  return [...header, ...PERCENTILES]
}
