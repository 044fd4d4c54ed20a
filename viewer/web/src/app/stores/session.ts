import { defineStore } from 'pinia'
import { ref } from 'vue'
import { askAs } from '@/api/client'
import * as api from '@/api/routes'
import { failureOf } from '@/domain/failure'
import type { User } from '@/domain/project'

export const useSession = defineStore('session', () => {
  /** Whose page this is, also while the session has ended and waits for the same member. */
  const user = ref<User | null>(null)
  const known = ref(false)
  const expired = ref(false)
  /** Counts how often the member came back; what the page could not get meanwhile is asked for again. */
  const resumed = ref(0)

  function hold(found: User | null): void {
    user.value = found
    askAs(found?.id ?? null)
    expired.value = false
  }

  /** Ask once whether the browser still holds a session. */
  async function resume(): Promise<void> {
    if (known.value) return
    try {
      hold(await api.currentUser())
    } catch (error) {
      if (failureOf(error).kind !== 'signed-out') throw error
    }
    known.value = true
  }

  /**
   * Sign in, for the first time or again; gives whether the page is still another member's.
   *
   * Such a page has to be loaded anew. Until then it goes on asking for its own member, and the server refuses.
   */
  async function signIn(username: string, password: string): Promise<boolean> {
    const found = await api.signIn(username, password)
    known.value = true
    if (user.value !== null && user.value.id !== found.id) return true
    const again = expired.value
    hold(found)
    if (again) resumed.value += 1
    return false
  }

  /** Sign out; whoever cannot, because the server does not answer, stays signed in and is told so. */
  async function signOut(): Promise<void> {
    try {
      await api.signOut()
    } catch (error) {
      if (failureOf(error).kind !== 'signed-out') throw error
    }
    hold(null)
  }

  /** The server says that the session is over; gives whether the page waits for its member. */
  function end(): boolean {
    known.value = true
    expired.value = user.value !== null
    return expired.value
  }

  return { user, known, expired, resumed, resume, signIn, signOut, end }
})
