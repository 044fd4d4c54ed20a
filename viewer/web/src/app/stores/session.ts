import { defineStore } from 'pinia'
import { ref } from 'vue'
import * as api from '@/api/routes'
import { failureOf } from '@/domain/failure'
import type { User } from '@/domain/project'

export const useSession = defineStore('session', () => {
  const user = ref<User | null>(null)
  const known = ref(false)

  /** Ask once whether the browser still holds a session. */
  async function resume(): Promise<void> {
    if (known.value) return
    try {
      user.value = await api.currentUser()
    } catch (error) {
      user.value = null
      if (failureOf(error).kind !== 'signed-out') throw error
    }
    known.value = true
  }

  async function signIn(username: string, password: string): Promise<void> {
    await api.signIn(username, password)
    user.value = await api.currentUser()
    known.value = true
  }

  async function signOut(): Promise<void> {
    try {
      await api.signOut()
    } finally {
      user.value = null
    }
  }

  function ended(): void {
    user.value = null
    known.value = true
  }

  return { user, known, resume, signIn, signOut, ended }
})
