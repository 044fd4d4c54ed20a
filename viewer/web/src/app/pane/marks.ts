import { computed } from 'vue'
import type { ComputedRef } from 'vue'
import type { Mark } from '@/app/pane/pane'
import { NO_TERM } from '@/app/pane/styles'
import { useMeasures } from '@/app/measures'
import { useDrawing } from '@/app/stores/drawing'
import { useLayers } from '@/app/stores/layers'
import { useLayerName } from '@/app/layer-name'
import { useProject } from '@/app/stores/project'
import { useReviewing } from '@/app/stores/reviewing'
import { useViewer } from '@/app/stores/viewer'
import type { Annotation } from '@/domain/annotation'
import { isColour } from '@/domain/image'
import type { Axis } from '@/domain/image'
import { isCopy } from '@/domain/review'
import type { PlaneFrame } from '@/geometry/frame'
import { parseWkt } from '@/geometry/wkt'

/** The drawings that lie on the plane a pane shows, as it shows them. */
export function usePaneMarks(axis: Axis, frame: PlaneFrame): ComputedRef<readonly Mark[]> {
  const viewer = useViewer()
  const drawing = useDrawing()
  const layers = useLayers()
  const project = useProject()
  const measures = useMeasures()
  const reviewing = useReviewing()
  const layerName = useLayerName()

  function lies(annotation: Annotation): boolean {
    const image = viewer.image
    return (
      image !== null &&
      annotation.axis === axis &&
      annotation.index === viewer.position[axis] &&
      annotation.t === viewer.t &&
      (isColour(image) || annotation.c === viewer.c)
    )
  }

  return computed(() =>
    drawing.all.filter(lies).flatMap((annotation): Mark[] => {
      const { visible, opacity } = layers.showingOf(annotation.layer)
      const shape = parseWkt(annotation.wkt, frame.rows)
      if (!visible || shape === null || reviewing.isCovered(annotation)) return []
      const selected = drawing.selected === annotation.key
      const term = annotation.terms[0]
      const others = layers.othersOf(annotation)
      const size = shape.kind === 'line' || selected ? measures.ofShape(shape, frame) : ''
      const copy = isCopy(annotation)
      const caption = [copy ? '✓' : '', selected && others !== null && !copy ? layerName(others) : '', size].filter((word) => word !== '').join(' · ')
      return [
        {
          key: annotation.key,
          shape,
          colour: (term === undefined ? undefined : project.termById.get(term)?.color) ?? NO_TERM,
          opacity,
          hand: layers.handOf(annotation.layer),
          caption,
          selected,
          own: others === null,
          copy,
          editable: drawing.mayChange(annotation),
        },
      ]
    }),
  )
}
