import { Inbox, SuprSendProvider } from "@suprsend/react";
import { createRoot } from "react-dom/client";

const { user, token } = await (await fetch("/notification-token")).json();
createRoot(document.querySelector("#app")).render(
  <SuprSendProvider publicApiKey="key" distinctId={user} userToken={token}>
    <Inbox />
  </SuprSendProvider>,
);
