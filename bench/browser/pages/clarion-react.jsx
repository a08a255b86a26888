import { ClarionProvider, NotificationBell } from "@clarion/react";
import { createRoot } from "react-dom/client";

const token = async () => (await fetch("/notification-token")).text();
createRoot(document.querySelector("#app")).render(
  <ClarionProvider token={token}>
    <NotificationBell />
  </ClarionProvider>,
);
