import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import * as api from '@/api/routes'
import { failureOf, isAbort } from '@/domain/failure'
import type { Failure } from '@/domain/failure'
import type { HeldFile, StoppedUpload } from '@/domain/held'
import type { Image } from '@/domain/image'
import { isFinal } from '@/domain/project'
import type { Job, Model, Project, Term } from '@/domain/project'

/** One project and what its pages share. */
export const useProject = defineStore('project', () => {
  const project = shallowRef<Project | null>(null)
  const terms = shallowRef<readonly Term[]>([])
  const images = shallowRef<readonly Image[] | null>(null)
  const models = shallowRef<readonly Model[] | null>(null)
  const jobs = shallowRef<readonly Job[] | null>(null)
  const held = shallowRef<readonly HeldFile[] | null>(null)
  const stopped = shallowRef<readonly StoppedUpload[] | null>(null)
  const failure = ref<Failure | null>(null)

  const termById = computed(() => new Map(terms.value.map((term) => [term.id, term])))
  const activeJobs = computed(() => (jobs.value ?? []).filter((job) => !isFinal(job.state)).length)

  /** Make this the open project; what belonged to another one is forgotten. */
  async function open(id: number, signal?: AbortSignal): Promise<void> {
    failure.value = null
    if (project.value?.id !== id) {
      project.value = null
      terms.value = []
      images.value = models.value = jobs.value = held.value = stopped.value = null
    }
    try {
      const [found, foundTerms] = await Promise.all([api.project(id, signal), api.terms(id, signal)])
      project.value = found
      terms.value = foundTerms
    } catch (error) {
      // Whoever left already asks for another project, which must not be blamed.
      if (!isAbort(error)) failure.value = failureOf(error)
      throw error
    }
  }

  /** Add a term to what the project annotates with; gives its id. */
  async function addTerm(name: string, color: string): Promise<number | null> {
    if (project.value === null) return null
    const added = await api.addTerm(project.value.ontology, name, color)
    terms.value = [...terms.value.filter(({ id }) => id !== added.id), added]
    return added.id
  }

  async function loadImages(id: number, signal?: AbortSignal): Promise<void> {
    images.value = await api.images(id, signal)
  }

  async function loadModels(id: number, signal?: AbortSignal): Promise<void> {
    models.value = await api.models(id, signal)
  }

  async function loadJobs(id: number, signal?: AbortSignal): Promise<void> {
    const found = await api.jobs(id, signal)
    jobs.value = [...found].sort((a, b) => b.id - a.id)
  }

  /** What waits in quarantine: files that are held, and uploads that stopped half-way. */
  async function loadHeld(id: number, signal?: AbortSignal): Promise<void> {
    const [files, uploads] = await Promise.all([api.held(id, signal), api.stopped(id, signal)])
    held.value = files
    stopped.value = uploads
  }

  return {
    project, terms, termById, images, models, jobs, held, stopped, activeJobs, failure,
    open, addTerm, loadImages, loadModels, loadJobs, loadHeld,
  }
})
