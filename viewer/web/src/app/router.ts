import { createRouter, createWebHashHistory } from 'vue-router'
import { useSession } from '@/app/stores/session'

export const router = createRouter({
  history: createWebHashHistory(),
  routes: [
    { path: '/', name: 'projects', component: () => import('@/app/views/ProjectsView.vue') },
    { path: '/sign-in', name: 'sign-in', component: () => import('@/app/views/SignInView.vue') },
    {
      path: '/project/:project(\\d+)/:tab(images|jobs|models|held)?',
      name: 'project',
      component: () => import('@/app/views/ProjectView.vue'),
    },
    {
      path: '/project/:project(\\d+)/image/:image(\\d+)',
      name: 'image',
      component: () => import('@/app/views/ViewerView.vue'),
    },
    { path: '/:rest(.*)*', redirect: { name: 'projects' } },
  ],
})

router.beforeEach(async (to) => {
  const session = useSession()
  try {
    await session.resume()
  } catch {
    // The page that is asked for says itself that the server does not answer.
    return true
  }
  if (session.user === null && to.name !== 'sign-in') return { name: 'sign-in', query: { next: to.fullPath } }
  if (session.user !== null && to.name === 'sign-in') return { name: 'projects' }
  return true
})
