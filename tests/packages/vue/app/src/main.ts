import { createApp } from 'vue'
import { clarion } from '@clarion/vue'
import App from './App.vue'

async function token(): Promise<string> {
  const answer = await fetch('/notification-token')
  if (!answer.ok) throw new Error('No token could be had.')
  return answer.text()
}

createApp(App).use(clarion({ url: import.meta.env.VITE_CLARION, token })).mount('#app')
