import { defineStore } from 'pinia'
import { ref } from 'vue'
import * as api from '@/api/routes'
import { failureOf } from '@/domain/failure'
import type { User } from '@/domain/project'

export const useSession = defineStore('session', () => {
  const user = ref<User | null>(null)
  const known = ref(false)
  /** Whom the other stores were filled for, even after the session has ended. */
  let holder: number | null = null

  /** Ask once whether the browser still holds a session. */
  async function resume(): Promise<void> {
    if (known.value) return
    try {
      user.value = await api.currentUser()
      holder = user.value.id
    } catch (error) {
      user.value = null
      if (failureOf(error).kind !== 'signed-out') throw error
    }
    known.value = true
  }

  /** Sign in; gives whether the page still holds things of another member and has to be loaded anew. */
  async function signIn(username: string, password: string): Promise<boolean> {
    await api.signIn(username, password)
    const found = await api.currentUser()
    const stale = holder !== null && holder !== found.id
    user.value = found
    known.value = true
    holder = found.id
    return stale
  }

  /** Sign out; whoever cannot, because the server does not answer, stays signed in and is told so. */
  async function signOut(): Promise<void> {
    try {
      await api.signOut()
    } catch (error) {
      if (failureOf(error).kind !== 'signed-out') throw error
    }
    user.value = null
  }

  function ended(): void {
    user.value = null
    known.value = true
  }

  return { user, known, resume, signIn, signOut, ended }
})
