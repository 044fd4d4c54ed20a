import { describe, expect, it } from 'vitest'
import { parsePreview } from '@/api/parse'
import { boxBetween, boxesOn, choicesOf } from '@/domain/held'

const picture = { frames: 3, rows: 100, columns: 200 }

describe('a box over text', () => {
  it('takes every pixel that the drag touches, from whichever corner it began', () => {
    const box = { top: 10, left: 20, rows: 6, columns: 11, frame: null }
    expect(boxBetween({ x: 20.4, y: 10.2 }, { x: 30.6, y: 15.9 }, picture, null)).toEqual(box)
    expect(boxBetween({ x: 30.6, y: 15.9 }, { x: 20.4, y: 10.2 }, picture, null)).toEqual(box)
  })

  it('ends where the picture ends', () => {
    const box = boxBetween({ x: -5, y: 90 }, { x: 900, y: 130 }, picture, 1)
    expect(box).toEqual({ top: 90, left: 0, rows: 10, columns: 200, frame: 1 })
  })

  it('is none where the drag stays outside or goes nowhere', () => {
    expect(boxBetween({ x: 300, y: 10 }, { x: 400, y: 20 }, picture, null)).toBeNull()
    expect(boxBetween({ x: 7, y: 7 }, { x: 7, y: 7 }, picture, null)).toBeNull()
  })

  it('lies on every frame or on its own', () => {
    const all = { top: 0, left: 0, rows: 1, columns: 1, frame: null }
    expect(boxesOn([all, { ...all, frame: 1 }], 1)).toHaveLength(2)
    expect(boxesOn([all, { ...all, frame: 1 }], 2)).toEqual([all])
  })
})

describe('a decision on a held file', () => {
  it('waits for the picture of this file and for a moment before it', () => {
    const none = { accept: false, redact: false, refuse: false }
    expect(choicesOf('loading', true, 0, true)).toEqual(none)
    expect(choicesOf('shown', false, 0, true)).toEqual(none)
    expect(choicesOf('shown', true, 0, true)).toEqual({ accept: true, redact: true, refuse: true })
  })

  it('can only be to delete what nobody sees', () => {
    for (const sight of ['broken', 'none'] as const) {
      expect(choicesOf(sight, true, 0, true)).toEqual({ accept: false, redact: false, refuse: true })
    }
  })

  it('paints boxes, or what a detector finds where there is one', () => {
    expect(choicesOf('shown', true, 0, false)).toEqual({ accept: true, redact: false, refuse: true })
    expect(choicesOf('shown', true, 2, false)).toEqual({ accept: false, redact: true, refuse: true })
  })

  it('knows of no detector where the server names none', () => {
    expect(parsePreview({ frames: 1, rows: 2, columns: 3 }).finds).toBe(false)
    expect(parsePreview({ frames: 1, rows: 2, columns: 3, finds: true }).finds).toBe(true)
  })
})
