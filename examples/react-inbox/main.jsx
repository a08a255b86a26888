import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { ClarionProvider, NotificationBell, NotificationInbox, useUnreadCount } from "@clarion/react";

/** Your server knows who is logged in, and mints this with `POST /v1/tokens`. */
async function token() {
  const answer = await fetch("/notification-token");
  if (!answer.ok) throw new Error("You are not logged in.");
  return answer.text();
}

function Shop() {
  const unread = useUnreadCount();
  const [opened, setOpened] = useState("");
  return (
    <>
      <header>
        <h1>Shop</h1>
        <NotificationBell
          label="Notifications of the shop"
          onOpen={(item, event) => {
            event.preventDefault();
            setOpened(item.title);
          }}
        />
      </header>
      <main>
        <p id="unread">{unread === 0 ? "You have read everything." : `${unread} unread`}</p>
        <p id="opened">{opened && `You opened: ${opened}`}</p>
        <NotificationInbox words={{ heading: "News" }} />
      </main>
    </>
  );
}

const place = /** @type {HTMLElement} */ (document.querySelector("#app"));
createRoot(place).render(
  <StrictMode>
    <ClarionProvider token={token}>
      <Shop />
    </ClarionProvider>
  </StrictMode>,
);
