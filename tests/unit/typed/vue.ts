import { createApp, defineComponent, h } from "vue";
import { NotificationBell, NotificationInbox, clarion, useClarion, useConnection, useItems, useUnreadCount } from "@clarion/vue";

const App = defineComponent({
  setup() {
    const count = useUnreadCount();
    const items = useItems();
    const connection = useConnection();
    const client = useClarion();
    return () => [
      h(NotificationBell, { label: "News", onOpen: (item, event) => { event.preventDefault(); void client.read(item.id); } }),
      h(NotificationInbox, { view: "unread", toast: true, onView: ({ state }) => console.log(state),
        onSignedOut: ({ state }) => console.log(state), onRefused: ({ code }, event) => console.log(code, event.type) }),
      // @ts-expect-error there is no such view
      h(NotificationInbox, { view: "nothing" }),
      h("p", `${count.value + 1} ${items.value[0]?.title} ${connection.value.detail}`),
    ];
  },
});
createApp(App).use(clarion({ token: async () => "token" }));
