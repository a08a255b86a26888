import Provider from "@magicbell/react/context-provider";
import FloatingInbox from "@magicbell/react/floating-inbox";
import { createRoot } from "react-dom/client";

const token = await (await fetch("/notification-token")).text();
createRoot(document.querySelector("#app")).render(
  <Provider token={token}>
    <FloatingInbox />
  </Provider>,
);
