import { createApp, defineComponent, h, ref } from "vue";
import { NotificationBell, NotificationInbox, clarion, useUnreadCount } from "@clarion/vue";

/** Your server knows who is logged in, and mints this with `POST /v1/tokens`. */
async function token() {
  const answer = await fetch("/notification-token");
  if (!answer.ok) throw new Error("You are not logged in.");
  return answer.text();
}

const Shop = defineComponent({
  name: "Shop",
  setup() {
    const unread = useUnreadCount();
    const opened = ref("");
    /** @param {{title: string}} item @param {Event} event */
    function open(item, event) {
      event.preventDefault();
      opened.value = item.title;
    }
    return () => [
      h("header", [h("h1", "Shop"), h(NotificationBell, { label: "Notifications of the shop", onOpen: open })]),
      h("main", [
        h("p", { id: "unread" }, unread.value === 0 ? "You have read everything." : `${unread.value} unread`),
        h("p", { id: "opened" }, opened.value && `You opened: ${opened.value}`),
        h(NotificationInbox, { words: { heading: "News" } }),
      ]),
    ];
  },
});

createApp(Shop).use(clarion({ token })).mount("#app");
