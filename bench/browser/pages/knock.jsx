import { KnockFeedProvider, KnockProvider, NotificationFeedPopover, NotificationIconButton } from "@knocklabs/react";
import "@knocklabs/react/dist/index.css";
import { useRef, useState } from "react";
import { createRoot } from "react-dom/client";

function Bell() {
  const [isVisible, setIsVisible] = useState(false);
  const button = useRef(null);
  return (
    <>
      <NotificationIconButton ref={button} onClick={() => setIsVisible(!isVisible)} />
      <NotificationFeedPopover buttonRef={button} isVisible={isVisible} onClose={() => setIsVisible(false)} />
    </>
  );
}

const { user, token } = await (await fetch("/notification-token")).json();
createRoot(document.querySelector("#app")).render(
  <KnockProvider apiKey="key" user={{ id: user }} userToken={token}>
    <KnockFeedProvider feedId="feed">
      <Bell />
    </KnockFeedProvider>
  </KnockProvider>,
);
