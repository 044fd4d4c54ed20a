import { createPinia } from 'pinia'
import { createApp } from 'vue'
import App from '@/app/App.vue'
import { router } from '@/app/router'
import { useSession } from '@/app/stores/session'
import { whenSignedOut } from '@/api/client'
import { i18n } from '@/i18n'
import '@/app/styles/tokens.css'
import '@/app/styles/base.css'
import '@/app/styles/controls.css'

const app = createApp(App)
app.use(createPinia())
app.use(i18n)
app.use(router)

whenSignedOut(() => {
  // Whoever was here already signs in over the page as it is: nothing of it is lost.
  if (useSession().end()) return
  const { fullPath, name } = router.currentRoute.value
  if (name !== undefined && name !== 'sign-in') void router.push({ name: 'sign-in', query: { next: fullPath } })
})

app.mount('#app')
