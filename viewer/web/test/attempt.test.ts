import { expect, test } from 'vitest'
import { ref } from 'vue'
import { useAttempt } from '@/app/attempt'
import { FailureError } from '@/domain/failure'
import type { Failure } from '@/domain/failure'

const offline = (): Promise<never> => Promise.reject(new FailureError({ kind: 'offline' }))

test('what stood in the way is told in the language of now', async () => {
  const language = ref('en')
  const { problem, attempt } = useAttempt(({ kind }) => `${language.value}: ${kind}`)
  expect(await attempt(offline)).toBe(false)
  expect(problem.value).toBe('en: offline')
  language.value = 'fr'
  expect(problem.value).toBe('fr: offline')
})

test('what a failure does beside being told happens once', async () => {
  const language = ref('en')
  const failures: Failure[] = []
  const { problem, attempt } = useAttempt(() => language.value, (failure) => failures.push(failure))
  await attempt(offline)
  for (const next of ['fr', 'en']) {
    language.value = next
    expect(problem.value).toBe(next)
  }
  expect(failures).toEqual([{ kind: 'offline' }])
})

test('what stood in the way is told until the next attempt or until it is forgotten', async () => {
  const { problem, attempt, forget } = useAttempt(({ kind }) => kind)
  await attempt(offline)
  expect(await attempt(() => Promise.resolve())).toBe(true)
  expect(problem.value).toBe('')
  await attempt(offline)
  forget()
  expect(problem.value).toBe('')
})

test('a page that is left tells nothing', async () => {
  const { problem, attempt, busy } = useAttempt(({ kind }) => kind)
  expect(await attempt(() => Promise.reject(new DOMException('left', 'AbortError')))).toBe(false)
  expect([problem.value, busy.value]).toEqual(['', false])
})
