import { describe, expect, it } from 'vitest'
import { parseHeld, parseJob, parsePreview, parseStopped } from '@/api/parse'
import { boxBetween, boxesOn, choicesOf, framesWithout, groupHeld, heldStill, heldTogether, leftBehind, mayAcceptTogether, nameOf, showsText, sizeOf, snapped, sortHeld, takenAlong, undecided, wordOf } from '@/domain/held'
import type { HeldFile } from '@/domain/held'
import { detailParts } from '@/domain/held-detail'

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

  it('reaches the edge where a hand comes close to it, or goes beyond', () => {
    expect([-3, 2, 5, 95, 98, 120].map((place) => snapped(place, 100, 4))).toEqual([0, 0, 5, 95, 100, 100])
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

  it('leaves out the frames on which there is none', () => {
    const box = { top: 0, left: 0, rows: 1, columns: 1, frame: 2 }
    expect(framesWithout([box, box, { ...box, frame: 4 }], 6)).toBe(4)
    expect(framesWithout([box, { ...box, frame: null }], 6)).toBe(0)
  })
})

describe('held files that are decided on together', () => {
  const file = (id: number, facts: Partial<HeldFile> = {}): HeldFile =>
    ({ id, name: '', reason: 'irregular_geometry', detail: 'tilt', series: 's', upload: 7, bytes: 1, created: null, decision: null, ...facts })
  const idsOf = (files: readonly HeldFile[]): number[] => files.map(({ id }) => id)

  it('are of one series and one reason, and stand where the first of them stood', () => {
    const files = [file(1), file(2, { series: 't' }), file(3, { detail: 'gap' }), file(4, { reason: 'burned_in_risk' }), file(5, { series: 't' })]
    expect(groupHeld(files).map((group) => idsOf(group.files))).toEqual([[1, 3], [2, 5], [4]])
  })

  it('are of one upload where nothing says which series', () => {
    const files = [file(1, { series: '' }), file(2, { series: '', upload: 8 }), file(3, { series: '' })]
    expect(groupHeld(files).map((group) => [group.series, ...idsOf(group.files)])).toEqual([[false, 1, 3], [false, 2]])
  })

  it('are told apart from those that are decided on or wait, which come last', () => {
    const text = { reason: 'burned_in_risk', detail: 'text was found in the picture' }
    const files = [
      file(1, { ...text, detail: 'another slice of its volume waits for review' }),
      file(2, { ...text, decision: { boxes: [], find: true } }), file(3, text), file(4, text),
    ]
    expect(groupHeld(files).map((group) => idsOf(group.files))).toEqual([[3, 4], [2], [1]])
  })

  it('go by the folder that all of them lie in, else by the first of them', () => {
    const named = (...names: string[]): string => nameOf({ key: '', series: true, files: names.map((name, id) => file(id, { name })) })
    expect(named('lung/one/0.dcm', 'lung/one/1.dcm')).toBe('lung/one')
    expect(named('lung/one/0.dcm', 'lung/one-more/1.dcm')).toBe('lung')
    expect(named('/in/a/0.dcm', '/in/b/1.dcm')).toBe('/in')
    expect(named('/a/0.dcm', '/b/1.dcm')).toBe('/a/0.dcm')
    expect(named('0.dcm', '1.dcm')).toBe('0.dcm')
  })

  it('may be accepted unseen for their geometry or their time, and never for what they show', () => {
    expect(mayAcceptTogether([file(1), file(2, { reason: 'late_instance' })])).toBe(true)
    expect(mayAcceptTogether([file(1, { reason: 'mixed_orientation' })])).toBe(true)
    expect(mayAcceptTogether([file(1), file(2, { reason: 'burned_in_risk' })])).toBe(false)
    expect(mayAcceptTogether([file(1, { reason: 'face_risk' })])).toBe(false)
    expect(mayAcceptTogether([file(1, { reason: 'uid_conflict' })])).toBe(false)
    expect(mayAcceptTogether([])).toBe(false)
    const contours = (detail: string): HeldFile => file(1, { reason: 'no_pixels', detail })
    expect(mayAcceptTogether([contours('the ontology lacks its terms: a manager may accept it')])).toBe(true)
    expect(mayAcceptTogether([contours('the image that it belongs to is not here')])).toBe(true)
    expect(mayAcceptTogether([contours('no pixel data'), file(2)])).toBe(false)
    expect(mayAcceptTogether([contours('')])).toBe(false)
  })

  it('are held still where their job ended without an image of them', () => {
    const decided = new Map([[1, 20], [2, 20], [3, 21], [4, null]])
    const files = [file(1), file(3), file(4), file(5), file(6, { decision: { boxes: [], find: false } })]
    expect(idsOf(heldStill(files, decided, new Set([20])))).toEqual([1])
    expect(idsOf(heldStill(files, new Map([[6, 20]]), new Set([20])))).toEqual([])
  })

  it('leave others of their series behind', () => {
    const files = [file(1), file(2), file(3), file(4, { series: 't' }), file(5, { reason: 'unreadable' }), file(6, { series: '' })]
    expect(idsOf(leftBehind([files[0]!], files))).toEqual([2, 3])
    expect(idsOf(leftBehind(files.slice(0, 3), files))).toEqual([])
    expect(idsOf(leftBehind([files[4]!, files[5]!], [...files, file(7, { series: '' })]))).toEqual([])
  })
})

describe('the held files of one volume', () => {
  const file = (id: number, facts: Partial<HeldFile> = {}): HeldFile =>
    ({ id, name: '', reason: 'burned_in_risk', detail: 'text was found in the picture', series: 's', upload: 7, bytes: 1, created: null, decision: null, ...facts })
  const waiting = (id: number, facts: Partial<HeldFile> = {}): HeldFile =>
    file(id, { detail: 'another slice of its volume waits for review', ...facts })

  it('come along with a decision where they merely wait or may show the same face', () => {
    const others = [waiting(2), file(3, { reason: 'face_risk' }), waiting(4, { series: 'other' }), file(5, { reason: 'unreadable' })]
    expect(takenAlong(file(1), [file(1), ...others]).map(({ id }) => id)).toEqual([2, 3])
  })

  it('need a decision each where text was found in them, and nothing comes along before', () => {
    const files = [file(1), file(2), waiting(3), file(4, { series: 'other' })]
    expect(undecided(file(1), files).map(({ id }) => id)).toEqual([2])
    expect(takenAlong(file(1), files)).toEqual([])
    expect(takenAlong(file(1), files, [file(2)])).toEqual([])
    expect(takenAlong(file(1), files, [files[1]!]).map(({ id }) => id)).toEqual([3])
  })

  it('come along where somebody decided on them before', () => {
    const kept = file(2, { decision: { boxes: [], find: true } })
    expect(undecided(file(1), [file(1), kept])).toEqual([])
    expect(takenAlong(file(1), [file(1), kept, waiting(3)]).map(({ id }) => id)).toEqual([2, 3])
  })

  it('may have a gap without one that is deleted, whether they are decided on or not', () => {
    const kept = file(2, { decision: { boxes: [], find: true } })
    const others = [kept, waiting(3), file(4, { reason: 'face_risk' }), file(5, { reason: 'unreadable' }), file(6, { series: 'other' })]
    expect(heldTogether(file(1), [file(1), ...others]).map(({ id }) => id)).toEqual([2, 3, 4])
    expect(heldTogether(file(5, { reason: 'unreadable' }), others)).toEqual([])
    expect(heldTogether(file(1, { series: '' }), [waiting(2, { series: '' })])).toEqual([])
  })

  it('show text only where it was found in them', () => {
    expect(showsText(file(1, { detail: 'text was found in the picture; the series is published already' }))).toBe(true)
    expect(showsText(file(1, { detail: 'the header says that text is burned in' }))).toBe(false)
    expect(showsText(waiting(1))).toBe(false)
  })

  it('are unknown where nothing says which series a file is of', () => {
    expect(takenAlong(file(1, { series: '' }), [waiting(2, { series: '' })])).toEqual([])
  })

  it('come after those whose own pixels are the reason', () => {
    expect(sortHeld([waiting(1), file(2), waiting(3), file(4)]).map(({ id }) => id)).toEqual([2, 4, 1, 3])
  })

  it('come after those that need a decision where one was taken', () => {
    const kept = file(1, { decision: { boxes: [], find: false } })
    expect(sortHeld([waiting(3), kept, file(2)]).map(({ id }) => id)).toEqual([2, 1, 3])
  })

  it('are read with what is said of each', () => {
    const told = { id: 7, name: 'n', reason: 'face_risk', detail: 'd', size: 12, upload: 3, series: '1.2', created: '1700000000000' }
    const read = { id: 7, name: 'n', reason: 'face_risk', detail: 'd', series: '1.2', upload: 3, bytes: 12, created: 1_700_000_000_000, decision: null }
    expect(parseHeld(told)).toEqual(read)
    const decision = { boxes: [{ top: 0, left: 1, rows: 2, columns: 3, frame: 4 }], find: false }
    expect(parseHeld({ ...told, decision })).toEqual({ ...read, decision })
  })
})

describe('why a file is held', () => {
  it('is told part by part, in words of the page where it has them', () => {
    expect(detailParts('text was found in the picture')).toEqual([{ name: 'textFound' }])
    expect(detailParts('no head is seen; something new')).toEqual([{ name: 'noHead' }, { text: 'something new' }])
    expect(detailParts('constructor')).toEqual([{ text: 'constructor' }])
    expect(detailParts('')).toEqual([])
  })
})

describe('a decision on a held file', () => {
  it('has the name of what it does', () => {
    const box = { top: 0, left: 1, rows: 2, columns: 3, frame: null }
    expect(wordOf({ boxes: [], find: false })).toBe('accept')
    expect(wordOf({ boxes: [], find: true })).toBe('find')
    expect(wordOf({ boxes: [box], find: false })).toBe('boxes')
    expect(wordOf({ boxes: [box], find: true })).toBe('both')
  })

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

  it('accepts what shows no picture where it needs no eyes', () => {
    expect(choicesOf('none', true, 0, false, true)).toEqual({ accept: true, redact: false, refuse: true })
    expect(choicesOf('none', false, 0, false, true)).toEqual({ accept: false, redact: false, refuse: false })
    expect(choicesOf('broken', true, 0, false, true).accept).toBe(false)
  })

  it('paints boxes, or what a detector finds where there is one', () => {
    expect(choicesOf('shown', true, 0, false)).toEqual({ accept: true, redact: false, refuse: true })
    expect(choicesOf('shown', true, 2, false)).toEqual({ accept: false, redact: true, refuse: true })
  })

  it('knows of no detector where the server names none', () => {
    expect(parsePreview({ frames: 1, rows: 2, columns: 3 }).finds).toBe(false)
    expect(parsePreview({ frames: 1, rows: 2, columns: 3, finds: true }).finds).toBe(true)
    const box = { top: 0, left: 1, rows: 2, columns: 3, frame: null }
    expect(parsePreview({ outside: [box] }).outside).toEqual([box])
  })
})

describe('what came of a job', () => {
  const outcomes = (result: unknown): unknown => parseJob({ id: 1, state: 'succeeded', result }).outcomes

  it('tells the boxes that were painted over in files that somebody decided on', () => {
    const box = { top: 0, left: 0, rows: 1, columns: 1, frame: null }
    const released = { decision: 'released', image: 7, painted: [box, box] }
    const result = [released, { ...released, painted: [box] }, { decision: 'duplicate', image: null }, { decision: 'held', reason: 'unreadable' }]
    expect(outcomes(result)).toEqual({ images: [7], duplicates: 1, attached: 0, held: [['unreadable', 1]], painted: 3, decided: 0, shown: 0 })
  })

  it('counts what was attached to an image as no image', () => {
    const segments = { decision: 'released', image: 7, attached: true, painted: [] }
    expect(outcomes([segments])).toMatchObject({ images: [], attached: 1 })
    expect(outcomes([segments, { decision: 'released', image: 7, attached: false, painted: [] }])).toMatchObject({ images: [7], attached: 1 })
  })

  it('tells what is decided and waits apart from what is still held', () => {
    const waits = { decision: 'decided', reason: 'burned_in_risk' }
    expect(outcomes([{ decision: 'released', image: 7, painted: [], text_left: true }])).toMatchObject({ shown: 1 })
    expect(outcomes([waits, { decision: 'held', reason: 'burned_in_risk' }])).toMatchObject({ held: [['burned_in_risk', 1]], decided: 1 })
  })

  it('tells no boxes of an upload', () => {
    expect(outcomes({ images: [{ id: 4 }, { id: 5 }], quarantined: [], documents: [{ image: 4 }], duplicates: 0 })).toEqual({ images: [4, 5], duplicates: 0, attached: 1, held: [], painted: null, decided: 0, shown: 0 })
  })
})

describe('an upload that stopped half-way', () => {
  it('is read with how its last job ended', () => {
    const told = { id: 7, user: 3, username: 'ada', files: 2, partial: 1, size: 12, created: '1700000000000', state: 'failed', reason: 'r' }
    const read = { id: 7, user: 3, username: 'ada', files: 2, partial: 1, bytes: 12, created: 1_700_000_000_000, state: 'failed', reason: 'r' }
    expect(parseStopped(told)).toEqual(read)
    expect(parseStopped({ ...told, state: 'none' }).state).toBe('none')
    expect(parseStopped({}).state).toBe('none')
  })
})

describe('the size of files', () => {
  it('is told in the largest unit of which there is one', () => {
    expect(sizeOf(999_999)).toEqual({ amount: 1000, unit: 'kB' })
    expect(sizeOf(1_000_000)).toEqual({ amount: 1, unit: 'MB' })
    expect(sizeOf(2_340_000)).toEqual({ amount: 2.3, unit: 'MB' })
    expect(sizeOf(45_600_000_000)).toEqual({ amount: 46, unit: 'GB' })
    expect(sizeOf(3e15)).toEqual({ amount: 3000, unit: 'TB' })
  })

  it('is rounded to the nearest', () => {
    expect(sizeOf(13_036_545)).toEqual({ amount: 13, unit: 'MB' })
    expect(sizeOf(13_500_000)).toEqual({ amount: 14, unit: 'MB' })
    expect(sizeOf(1_400)).toEqual({ amount: 1, unit: 'kB' })
  })

  it('is never nothing unless there is nothing', () => {
    expect(sizeOf(289)).toEqual({ amount: 289, unit: 'B' })
    expect(sizeOf(1)).toEqual({ amount: 1, unit: 'B' })
    expect(sizeOf(0)).toEqual({ amount: 0, unit: 'B' })
  })
})
