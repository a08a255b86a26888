import { Inbox } from "@novu/react";
import { createRoot } from "react-dom/client";

const { subscriber, hash } = await (await fetch("/notification-token")).json();
createRoot(document.querySelector("#app")).render(
  <Inbox applicationIdentifier="app" subscriber={subscriber} subscriberHash={hash} />,
);
