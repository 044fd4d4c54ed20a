import type { Pane } from '@/app/pane/pane'
import type { Sheet } from '@/app/pane/slice-layer'
import type { Look } from '@/core/lut'
import type { Hand, Palette } from '@/core/overlay'
import { Painter } from '@/core/paint'
import type { Plane } from '@/core/plane'
import { Surface } from '@/core/surface'
import type { OverlayPicture, Picture } from '@/core/surface'
import type { Axis, Image } from '@/domain/image'
import { askAgain } from '@/sources/again'
import type { SegmentationSource } from '@/sources/source'

export interface Overlay {
  readonly id: number
  readonly source: SegmentationSource
  readonly palette: Palette
  readonly opacity: number
  readonly hand: Hand
}

export interface OverlayListener {
  failed(error: unknown): void
  /** How many segmentations of the plane could not be had so far. */
  missing(count: number): void
}

interface Painted {
  readonly surface: Surface
  picture: OverlayPicture | null
}

/** What a pane shows: the plane through its window, and the segmentations over it. */
export class PanePicture {
  private readonly surface = new Surface()
  private readonly painter: Painter
  private readonly painted = new Map<number, Painted>()
  private plane: Plane | null = null
  private look: Look | null = null
  private overlays: readonly Overlay[] = []
  private picture: Picture | null = null
  private loading = new AbortController()
  private frame = 0

  constructor(
    private readonly pane: Pane,
    image: Image,
  ) {
    this.painter = new Painter(image.dtype, { ...image.rescale, padding: image.padding })
  }

  showPlane(plane: Plane): void {
    this.plane = plane
    this.picture = null
    this.schedule()
  }

  setLook(look: Look | null): void {
    this.look = look
    this.picture = null
    this.schedule()
  }

  showOverlays(overlays: readonly Overlay[], axis: Axis, index: number, listener: OverlayListener): void {
    this.loading.abort()
    this.loading = new AbortController()
    const { signal } = this.loading
    this.overlays = overlays
    const missing = new Set<number>()
    listener.missing(0)
    for (const { id } of overlays) {
      if (!this.painted.has(id)) this.painted.set(id, { surface: new Surface(), picture: null })
    }
    for (const overlay of overlays) {
      const painted = this.painted.get(overlay.id)
      const held = overlay.source.held(axis, index)
      // The wrong plane's overlay must never be seen on this one.
      if (painted !== undefined) painted.picture = held === null ? null : painted.surface.overlay(held, overlay.palette, overlay.hand)
      if (held !== null) continue
      const failed = (error: unknown): void => {
        listener.missing(missing.add(overlay.id).size)
        listener.failed(error)
      }
      askAgain(() => overlay.source.plane(axis, index, signal), signal, failed).then(
        (plane) => {
          if (signal.aborted || painted === undefined) return
          painted.picture = painted.surface.overlay(plane, overlay.palette, overlay.hand)
          if (missing.delete(overlay.id)) listener.missing(missing.size)
          this.schedule()
        },
        () => undefined,
      )
    }
    this.schedule()
  }

  dispose(): void {
    this.loading.abort()
    cancelAnimationFrame(this.frame)
  }

  private schedule(): void {
    cancelAnimationFrame(this.frame)
    this.frame = requestAnimationFrame(() => this.paint())
  }

  private paint(): void {
    if (this.plane === null || this.look === null) return
    this.picture ??= this.surface.show(this.plane, this.painter, this.look)
    const sheets: Sheet[] = [{ picture: this.picture, opacity: 1, smooth: true }]
    for (const { id, opacity, hand } of this.overlays) {
      const picture = this.painted.get(id)?.picture ?? null
      if (picture !== null) sheets.push({ picture, opacity, smooth: false, outlines: picture.outlines, hand })
    }
    this.pane.show(sheets)
  }
}
