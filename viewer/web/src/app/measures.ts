import { useI18n } from 'vue-i18n'
import type { Annotation, ShapeKind } from '@/domain/annotation'
import type { PlaneFrame } from '@/geometry/frame'
import { areaOf, lengthOf } from '@/geometry/measure'
import { isRectangle, parseWkt } from '@/geometry/wkt'
import type { Shape } from '@/geometry/wkt'

/** Says lengths and areas in mm, about so many where planes are unevenly spaced, or in pixels where nothing is known. */
export function useMeasures() {
  const { t, n } = useI18n()

  const round = (value: number): string => n(value, { maximumFractionDigits: value < 100 ? 1 : 0 })

  function ofShape(shape: Shape, frame: PlaneFrame): string {
    const about = frame.even ? '' : '≈\u00a0'
    if (shape.kind === 'line') {
      const value = about + round(lengthOf(shape, frame))
      return frame.calibrated ? `${value}\u00a0mm` : `${value}\u00a0px · ${t('measure.uncalibrated')}`
    }
    if (shape.kind === 'polygon') return `${about}${round(areaOf(shape, frame))}\u00a0${frame.calibrated ? 'mm²' : 'px²'}`
    return ''
  }

  function ofDrawing(drawing: Annotation, frame: PlaneFrame): string {
    const shape = parseWkt(drawing.wkt, frame.rows)
    return shape === null ? '' : ofShape(shape, frame)
  }

  /** Which tool would have made it; for its icon and name. */
  function kindOf(drawing: Annotation, frame: PlaneFrame): ShapeKind {
    const shape = parseWkt(drawing.wkt, frame.rows)
    if (shape === null || shape.kind === 'point') return 'point'
    if (shape.kind === 'line') return 'line'
    return isRectangle(shape) ? 'rectangle' : 'polygon'
  }

  return { ofShape, ofDrawing, kindOf }
}
