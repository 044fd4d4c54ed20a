import type { ShapeKind } from '@/domain/annotation'

/** What the left mouse button does in a pane. */
export type Tool = 'window' | 'pan' | 'zoom' | 'crosshair' | 'select' | ShapeKind

export const TOOLS: readonly Tool[] = [
  'window', 'pan', 'zoom', 'crosshair', 'select', 'point', 'line', 'rectangle', 'polygon',
]

export const TOOL_KEYS: Readonly<Record<Tool, string>> = {
  window: 'w',
  pan: 'h',
  zoom: 'z',
  crosshair: 'c',
  select: 'v',
  point: 'p',
  line: 'l',
  rectangle: 'r',
  polygon: 'g',
}

const SHAPES: ReadonlySet<string> = new Set(['point', 'line', 'rectangle', 'polygon'])

export function drawsShape(tool: Tool): tool is ShapeKind {
  return SHAPES.has(tool)
}
