import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import * as api from '@/api/review'
import { useNotices } from '@/app/stores/notices'
import { useProject } from '@/app/stores/project'
import { useSession } from '@/app/stores/session'
import type { Image } from '@/domain/image'
import { mayReview } from '@/domain/project'
import { NO_REVIEW } from '@/domain/review'
import type { ImageReview } from '@/domain/review'

/** Who reviews the open image, and how far they are. */
export const useReview = defineStore('review', () => {
  const image = shallowRef<number | null>(null)
  const current = shallowRef<ImageReview>(NO_REVIEW)
  const names = shallowRef<ReadonlyMap<number, string>>(new Map())
  const session = useSession()
  const project = useProject()
  const notices = useNotices()

  const phase = computed(() => current.value.phase)
  const isReviewer = computed(() => current.value.reviewer !== null && current.value.reviewer === session.user?.id)
  /** Whether this member accepts, corrects and rejects on the open image just now. */
  const mine = computed(() => phase.value === 'open' && isReviewer.value && mayReview(project.project))
  const reviewerName = computed(() => {
    const { reviewer } = current.value
    if (reviewer === null) return ''
    return (isReviewer.value ? session.user?.fullname : names.value.get(reviewer)) ?? `#${reviewer}`
  })

  async function open(opened: Image): Promise<void> {
    image.value = opened.id
    await set(opened.id, opened.review)
  }

  /** This is how far the review of an image is now; of one that is not open any more nothing is said. */
  async function set(of: number, next: ImageReview): Promise<void> {
    if (of !== image.value) return
    current.value = next
    const id = project.project?.id
    if (id === undefined || next.reviewer === null || isReviewer.value || names.value.has(next.reviewer)) return
    // Who reviews is told by number where names cannot be had.
    const found = await api.members(id).catch(() => [])
    names.value = new Map(found.map((member) => [member.id, member.fullname]))
  }

  /** Ask how far the review is and say what that means for whoever was refused. */
  async function explain(): Promise<void> {
    const of = image.value
    if (of === null) return
    await set(of, await api.review(of))
    if (of !== image.value) return
    if (phase.value === 'validated') notices.said('reviewing.told.validated')
    else if (phase.value === 'none') notices.said('reviewing.told.nobody')
    else if (isReviewer.value) notices.said('reviewing.told.changed')
    else notices.said('reviewing.told.others', reviewerName.value)
  }

  function close(): void {
    image.value = null
    current.value = NO_REVIEW
  }

  return { image, current, phase, isReviewer, mine, reviewerName, open, set, explain, close }
})
