import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import en from '@/i18n/en.json'
import fr from '@/i18n/fr.json'

type Tree = { readonly [key: string]: string | Tree }

function leaves(tree: Tree, path = ''): [string, string][] {
  return Object.entries(tree).flatMap(([key, value]) =>
    typeof value === 'string' ? [[`${path}${key}`, value] as [string, string]] : leaves(value, `${path}${key}.`),
  )
}

function files(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? files(join(folder, entry.name)) : [join(folder, entry.name)],
  )
}

const english = new Map(leaves(en))
const french = new Map(leaves(fr))
const parts = (text: string): string[] => (text.match(/\{\w+\}/g) ?? []).sort()

describe('translations', () => {
  test('French and English have the same keys', () => {
    expect([...french.keys()].sort()).toEqual([...english.keys()].sort())
  })

  test('both say something, with the same parts and as many plural forms', () => {
    for (const [key, text] of english) {
      const other = french.get(key) ?? ''
      expect(other.trim(), key).not.toBe('')
      expect(parts(other), key).toEqual(parts(text))
      expect(other.split(' | ').length, key).toBe(text.split(' | ').length)
    }
  })

  const source = new URL('../src', import.meta.url).pathname
  const code = files(source).filter((file) => /\.(vue|ts)$/.test(file)).map((file) => readFileSync(file, 'utf8')).join('\n')
  const found = (pattern: RegExp): string[] => [...code.matchAll(pattern)].map((match) => match[1] ?? '')

  test('every key that the page asks for exists', () => {
    const asked = found(/\bt\(\s*'([\w.-]+)'/g)
    expect(asked.length).toBeGreaterThan(80)
    expect(asked.filter((key) => !english.has(key))).toEqual([])
  })

  test('the page asks for every key that exists', () => {
    const whole = new Set(found(/'([\w-]+\.[\w.-]+)'/g))
    const beginnings = [...whole, ...found(/`([\w.-]+)\.\$\{/g)].map((beginning) => `${beginning}.`)
    const asked = (key: string): boolean => whole.has(key) || beginnings.some((beginning) => key.startsWith(beginning))
    expect([...english.keys()].filter((key) => !asked(key))).toEqual([])
  })

  test('no line of French begins with a punctuation mark', () => {
    for (const [key, text] of french) {
      // The name of a column is no prose.
      const prose = text.replace(/ \| /g, '\n').replaceAll('property:NOM', '')
      expect(prose, key).not.toMatch(/[^\u00a0\u202f][:;?!%»]|«[^\u00a0\u202f]/)
    }
  })

  test('no line parts a number from its unit or from what it multiplies', () => {
    for (const [key, text] of [...english, ...french]) {
      expect(text, key).not.toMatch(/[\d}] (?:[kMGT]?[Bo]|s|min|h|mm|px|%|×|days?|jours?)(?!\p{L})/u)
    }
    expect(code).not.toMatch(/ ×|× |\} (?:mm|px)/)
  })

  test('French counts uploads by a degree sign, beside their number', () => {
    for (const [key, text] of french) expect(text, key).not.toMatch(/nº|#\{|n°(?!\u00a0)/)
  })

  test('an empty project names the same kinds of files as the place to drop them', () => {
    for (const words of [english, french]) {
      expect(words.get('images.noneHint')).toContain('{kinds}')
      for (const kind of ['DICOM', 'NIfTI', 'NRRD', 'JPEG', 'PNG', 'TIFF', 'CSV', 'JSON', 'zip', 'tar']) expect(words.get('upload.kinds')).toContain(kind)
    }
  })

  test('French has one name for each role, in French', () => {
    for (const [key, text] of french) expect(text, key).not.toMatch(/responsable|scientist|manager/i)
  })

  test('the page says in both languages what it is for', () => {
    expect(english.get('product.research')).toBe('Research use only, not for diagnosis')
    expect(french.get('product.research')).toBe('Pour la recherche uniquement, pas pour le diagnostic')
  })

  test('no text stands in a template', () => {
    const product = /^(Imaging Workspace|CPU|CUDA|mm)$/
    for (const file of files(source).filter((name) => name.endsWith('.vue'))) {
      const template = /<template>([\s\S]*)<\/template>/.exec(readFileSync(file, 'utf8'))?.[1] ?? ''
      const text = template.replace(/\{\{[\s\S]*?\}\}/g, '').replace(/<(?:"[^"]*"|[^>"])*>/g, '\n')
      const words = text.split('\n').map((line) => line.trim()).filter((line) => /[a-zA-Z]{2,}/.test(line))
      expect(words.filter((line) => !product.test(line)), file).toEqual([])
    }
  })
})
