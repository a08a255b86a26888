import { useRef } from "react";
import { ClarionProvider, NotificationBell, NotificationInbox, useClarion, useConnection, useItems, useUnreadCount } from "@clarion/react";
import type { ClarionBell } from "@clarion/inbox";

function Inner() {
  const bell = useRef<ClarionBell>(null);
  const count: number = useUnreadCount();
  const [first] = useItems();
  const { state, detail } = useConnection();
  const client = useClarion();
  return (
    <>
      <NotificationBell ref={bell} label="News" toast="off" className="bell"
        onOpen={(item, event) => { event.preventDefault(); console.log(item.url); }}
        onAction={({ label, url }) => console.log(label, url)}
        onSignedOut={({ state }) => console.log(state)} onRefused={({ code }, event) => console.log(code, event.type)}
        onToggle={({ open }) => console.log(open)} />
      <NotificationInbox view="unread" category="orders" toast words={{ heading: "News" }} onView={({ state }) => state} />
      <clarion-bell label="plain" theme="dark" class="x" />
      <button onClick={() => first && client.read(first.id)}>{count} {state} {detail} {first?.title}</button>
      <button onClick={() => bell.current?.show()}>show</button>
      {/* @ts-expect-error there is no such view */}
      <NotificationInbox view="nothing" />
      {/* @ts-expect-error there are two themes */}
      <clarion-inbox theme="blue" />
    </>
  );
}
export const App = () => (
  <ClarionProvider token={async () => "token"} url="/v1/live" subscriber="ada"><Inner /></ClarionProvider>
);
// @ts-expect-error a token is needed
export const wrong = <ClarionProvider />;
