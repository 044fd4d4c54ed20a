import { defineStore } from 'pinia'
import { computed, ref, shallowRef, watch } from 'vue'
import type { Progress } from '@/app/pane/interactions'
import { useNotices } from '@/app/stores/notices'
import { useSession } from '@/app/stores/session'
import { recallTerm, rememberTerm } from '@/app/view-memory'
import type { Chooser, Layout, View } from '@/app/view-memory'
import { windowOfShares } from '@/core/lut'
import type { Look } from '@/core/lut'
import { realValue } from '@/core/paint'
import { sampleOf } from '@/core/plane'
import type { Plane } from '@/core/plane'
import { extent, isColour, planeAxes, viewableAxes } from '@/domain/image'
import type { Axis, Image, Place, Vector, Window } from '@/domain/image'
import type { Tool } from '@/domain/tools'
import type { PixelAccess } from '@/domain/project'
import { presetsFor } from '@/domain/windows'
import type { Preset } from '@/domain/windows'
import { placeOf } from '@/geometry/affine'
import { frameOf } from '@/geometry/frame'
import type { PlaneFrame } from '@/geometry/frame'
import { LEVELS, RenderedSource } from '@/sources/rendered'
import { ZarrSource } from '@/sources/source'
import type { PixelSource } from '@/sources/source'

export interface Reading {
  /** (z, y, x) */
  readonly voxel: Vector
  /** Real value, three of a colour picture; null until the exact plane is here. */
  readonly values: readonly number[] | null
  readonly world: Vector | null
}

/** A drawing under way. */
export interface Sketch extends Progress {
  readonly axis: Axis
}

/** What is looked at, where, and how. */
export const useViewer = defineStore('viewer', () => {
  const notices = useNotices()
  const session = useSession()
  const image = shallowRef<Image | null>(null)
  const source = shallowRef<PixelSource | null>(null)
  const access = ref<PixelAccess>('full')
  const frames = shallowRef<Partial<Record<Axis, PlaneFrame>>>({})
  const position = ref<Record<Axis, number>>({ z: 0, y: 0, x: 0 })
  const t = ref(0)
  const c = ref(0)
  const window_ = shallowRef<Window | null>(null)
  const preset = ref<string | null>(null)
  const inverted = ref(false)
  const tool = ref<Tool>('window')
  const active = ref<Axis>('z')
  const main = ref<Axis>('z')
  const layout = ref<Layout>('main')
  const term = ref<number | null>(null)
  let chooser: Chooser | null = null
  watch(term, (chosen) => chooser !== null && rememberTerm(chooser, chosen), { flush: 'sync' })
  const crosshair = ref(true)
  const underWay = shallowRef<Sketch | null>(null)
  /** Where a drawing is under way: until it is finished, nothing may take its plane or its tool away. */
  const sketching = computed(() => underWay.value?.axis ?? null)
  const pointed = shallowRef<Reading | null>(null)
  const prepared = ref(0)
  /** Counts what panes are asked to do; they watch it. */
  const asked = ref({ abort: 0, finish: 0, takeBack: 0, putBack: 0, fit: 0, zoomIn: 0, zoomOut: 0 })
  const planes = shallowRef<Partial<Record<Axis, Plane>>>({})

  const axes = computed(() => (image.value === null ? [] : viewableAxes(image.value)))
  /** The planes on the screen: the large pane first, then the others. */
  const order = computed<readonly Axis[]>(() => {
    if (layout.value === 'single') return [main.value]
    return layout.value === 'row' ? axes.value : [main.value, ...axes.value.filter((axis) => axis !== main.value)]
  })
  const presets = computed(() => {
    const all = image.value === null ? [] : presetsFor(image.value)
    // The others are found from stored values, which pictures do not have.
    return access.value === 'full' ? all : all.filter(({ window }) => window !== 'full' && 'center' in window)
  })
  const look = computed<Look | null>(() => {
    if (image.value === null) return null
    if (access.value === 'rendered' && !isColour(image.value)) return { window: LEVELS, inverted: inverted.value }
    if (window_.value === null) return null
    return { window: window_.value, inverted: (image.value.photometric === 'MONOCHROME1') !== inverted.value }
  })
  const times = computed(() => (image.value === null ? 1 : extent(image.value, 't')))
  const channels = computed(() => (image.value === null || isColour(image.value) ? 1 : extent(image.value, 'c')))
  /** What is under the pointer, else what is under the crosshair. */
  const reading = computed<Reading | null>(() => pointed.value ?? readAt(active.value, here()))

  function here(): Vector {
    return [position.value.z, position.value.y, position.value.x]
  }

  function sourceOf(opened: Image): PixelSource | null {
    switch (access.value) {
      case 'full':
        return new ZarrSource(opened)
      case 'rendered':
        return new RenderedSource(opened, () => window_.value)
      case 'none':
        return null
    }
  }

  function open(opened: Image, allowed: PixelAccess): void {
    // The server refuses a drawing with a term of another project.
    const now = { member: session.user?.id ?? null, project: opened.project }
    if (chooser?.project !== now.project || chooser.member !== now.member) {
      chooser = null
      term.value = recallTerm(now)
    }
    chooser = now
    image.value = opened
    access.value = allowed
    source.value = sourceOf(opened)
    frames.value = Object.fromEntries(viewableAxes(opened).map((axis) => [axis, frameOf(opened, axis)]))
    const middle = (axis: Axis): number => Math.floor((extent(opened, axis) - 1) / 2)
    position.value = { z: middle('z'), y: middle('y'), x: middle('x') }
    t.value = c.value = 0
    window_.value = null
    preset.value = null
    inverted.value = false
    pointed.value = null
    planes.value = {}
    active.value = main.value = 'z'
    layout.value = viewableAxes(opened).length === 1 ? 'single' : 'main'
    const first = presets.value[0]
    if (first !== undefined && typeof first.window === 'object' && 'center' in first.window) usePreset(first)
  }

  const view = computed<View>(() => ({
    position: here(), active: active.value, main: main.value, layout: layout.value,
    window: window_.value, preset: preset.value, inverted: inverted.value,
  }))

  /** Look at the open image as before. */
  function recall(kept: View): void {
    const known = (axis: Axis): boolean => axes.value.includes(axis)
    if (!known(kept.active) || !known(kept.main)) return
    moveToVoxel(kept.position)
    active.value = kept.active
    main.value = kept.main
    layout.value = axes.value.length === 1 ? 'single' : kept.layout
    inverted.value = kept.inverted
    if (kept.window === null) return
    window_.value = kept.window
    preset.value = kept.preset
  }

  function close(): void {
    image.value = null
    source.value = null
    frames.value = {}
    planes.value = {}
    pointed.value = null
    underWay.value = null
  }

  /** Get the coarse level of this time point; panes refresh when it is here. */
  async function prepare(signal: AbortSignal): Promise<void> {
    await source.value?.prepare(t.value, c.value, signal)
    prepared.value += 1
  }

  function moveTo(axis: Axis, index: number): void {
    if (image.value === null || (axis === sketching.value && index !== position.value[axis] && isBusy())) return
    const last = extent(image.value, axis) - 1
    position.value = { ...position.value, [axis]: Math.min(Math.max(Math.round(index), 0), last) }
  }

  /** Whether a drawing under way is in the way, which is said. */
  function isBusy(): boolean {
    if (sketching.value !== null) notices.said('drawing.finishFirst')
    return sketching.value !== null
  }

  /** A drawing on a plane got on; without corners there is none any more. */
  function sketch(axis: Axis, { corners, taken }: Progress): void {
    if (corners > 0) underWay.value = { axis, corners, taken }
    else if (sketching.value === axis) underWay.value = null
    if (corners === 0) notices.settled(['drawing.finishFirst', 'drawing.threeCorners'])
  }

  /** Give up the drawing under way, wherever it is. */
  function giveUp(): void {
    underWay.value = null
    ask('abort')
  }

  function useTool(chosen: Tool): void {
    if (chosen !== tool.value && !isBusy()) tool.value = chosen
  }

  function useLayout(chosen: Layout): void {
    if (isBusy()) return
    if (chosen === 'single') main.value = active.value
    layout.value = chosen
  }

  /** Whether a drawing at this place is on a plane on the screen. */
  function shows(place: Place): boolean {
    return (
      order.value.includes(place.axis) && place.index === position.value[place.axis] && place.t === t.value &&
      (channels.value === 1 || place.c === c.value)
    )
  }

  /** Bring a plane to the screen, unless a drawing is under way. */
  function goTo(place: Place): void {
    if (isBusy()) return
    t.value = place.t
    c.value = place.c < channels.value ? place.c : 0
    active.value = place.axis
    if (!order.value.includes(place.axis)) main.value = place.axis
    moveTo(place.axis, place.index)
  }

  function moveToVoxel([z, y, x]: Vector): void {
    moveTo('z', z)
    moveTo('y', y)
    moveTo('x', x)
  }

  function setWindow(next: Window): void {
    // A linear window is at least 1 wide (PS3.3 C.11.2.1.2).
    const least = image.value !== null && isColour(image.value) ? 2 : 1
    window_.value = { center: next.center, width: Math.max(next.width, least) }
    preset.value = null
  }

  /** The window of a drag: across is width in proportion, down is centre. */
  function dragWindow(dx: number, dy: number): void {
    const from = window_.value
    if (from === null) return
    setWindow({ width: from.width * Math.exp(dx / 200), center: from.center + (dy * from.width) / 300 })
  }

  function usePreset(chosen: Preset): void {
    const found = windowOf(chosen)
    if (found === null) return
    setWindow(found)
    preset.value = chosen.name
  }

  function windowOf({ window }: Preset): Window | null {
    if (window !== 'full' && 'center' in window) return window
    const sample = realSample()
    return sample === null ? null : windowOfShares(sample, window === 'full' ? [0, 100] : window.percentiles)
  }

  function realSample(): Float64Array | null {
    const shown = planes.value[active.value]?.channels[0] ?? planes.value.z?.channels[0]
    const values = source.value?.sample(t.value, c.value) ?? (shown === undefined ? null : sampleOf(shown))
    if (values === null) return null
    const padding = image.value?.padding ?? null
    const kept = padding === null ? values : values.filter((value) => value < padding.low || value > padding.high)
    const rescale = image.value?.rescale
    if (rescale === undefined) return kept
    const rescaling = { ...rescale, padding: null }
    return kept.map((value) => realValue(rescaling, position.value.z, value))
  }

  /** A pane shows this plane now. */
  function showing(axis: Axis, plane: Plane): void {
    planes.value = { ...planes.value, [axis]: plane }
    if (window_.value === null) {
      const first = presets.value[0]
      if (first !== undefined) usePreset(first)
    }
  }

  /** Read one voxel off the plane that a pane shows. */
  function readAt(axis: Axis, voxel: Vector): Reading | null {
    const opened = image.value
    if (opened === null) return null
    const world = opened.oriented ? placeOf(opened, voxel) : null
    return { voxel, values: access.value === 'full' ? valuesAt(opened, axis, voxel) : null, world }
  }

  function valuesAt(opened: Image, axis: Axis, [z, y, x]: Vector): readonly number[] | null {
    const at = { z, y, x }
    const shown = planes.value[axis]
    if (shown === undefined || !shown.exact || shown.index !== at[axis]) return null
    const [row, column] = planeAxes(axis)
    const place = at[row] * shown.columns + at[column]
    const rescaling = { ...opened.rescale, padding: null }
    return shown.channels.map((channel) => realValue(rescaling, z, channel[place] ?? 0))
  }

  function point(axis: Axis, voxel: Vector | null): void {
    pointed.value = voxel === null ? null : readAt(axis, voxel)
  }

  function maximise(axis: Axis): void {
    if (isBusy()) return
    active.value = axis
    if (layout.value === 'single' && axes.value.length > 1) {
      layout.value = 'main'
    } else {
      main.value = axis
      layout.value = 'single'
    }
  }

  function ask(what: keyof typeof asked.value): void {
    asked.value[what] += 1
  }

  return {
    image, source, access, frames, position, t, c, window: window_, preset, inverted, tool, active, main, layout, term,
    crosshair, reading, prepared, planes, axes, order, presets, look, times, channels,
    asked, ask, underWay, sketching, isBusy, sketch, giveUp, view, recall, useTool, useLayout, open, close, prepare, moveTo, shows, goTo,
    moveToVoxel, setWindow, dragWindow, usePreset, showing, readAt, point, maximise,
  }
})
