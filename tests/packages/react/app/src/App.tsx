import { useRef } from 'react'
import { ClarionProvider, NotificationBell, NotificationInbox, useConnection, useUnreadCount } from '@clarion/react'
import type { ClarionBell } from '@clarion/inbox'

async function token(): Promise<string> {
  const answer = await fetch('/notification-token')
  if (!answer.ok) throw new Error('No token could be had.')
  return answer.text()
}

function Shop() {
  const bell = useRef<ClarionBell>(null)
  const unread = useUnreadCount()
  const { state } = useConnection()
  return (
    <>
      <p id="state">{state}: {unread} unread</p>
      <NotificationBell ref={bell} label="Bell" onOpen={(item, event) => {
        event.preventDefault()
        document.title = item.title
      }} />
      <button onClick={() => bell.current?.show()}>Show</button>
      <NotificationInbox label="Inbox" view="inbox" words={{ heading: 'News' }} />
    </>
  )
}

export default function App() {
  return (
    <ClarionProvider url={import.meta.env.VITE_CLARION} token={token} subscriber="ada">
      <Shop />
    </ClarionProvider>
  )
}
