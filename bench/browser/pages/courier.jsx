import { CourierInboxPopupMenu, useCourier } from "@trycourier/courier-react";
import { useEffect } from "react";
import { createRoot } from "react-dom/client";

function Bell() {
  const courier = useCourier();
  useEffect(() => {
    fetch("/notification-token")
      .then((answer) => answer.json())
      .then(({ user, token }) => courier.shared.signIn({ userId: user, jwt: token }));
  }, []);
  return <CourierInboxPopupMenu />;
}

createRoot(document.querySelector("#app")).render(<Bell />);
