import { defineComponent, h } from "vue";
import "../inbox/index.js";
import { useClarion } from "./plugin.js";

/**
 * @typedef {import("../inbox/index.js").Item} Item
 * @typedef {import("../inbox/index.js").ActionDetail} ActionDetail
 * @typedef {import("../inbox/index.js").ViewDetail} ViewDetail
 * @typedef {import("../inbox/index.js").ToggleDetail} ToggleDetail
 * @typedef {import("../inbox/index.js").StateChange} StateChange
 * @typedef {import("../inbox/index.js").SomeWords} SomeWords
 * @typedef {import("../inbox/index.js").ClarionBell} ClarionBell
 */

const SHARED_PROPS = {
  /** What it says otherwise. */
  words: { type: /** @type {import("vue").PropType<SomeWords>} */ (Object), default: undefined },
  /** Its name for screen readers, where a page has several. */
  label: { type: String, default: undefined },
  /** Else the page's `color-scheme`. */
  theme: { type: /** @type {import("vue").PropType<"light" | "dark">} */ (String), default: undefined },
};

/** `event.preventDefault()` keeps a link from being followed: then your router may do it. */
const SHARED_EMITS = {
  /** @type {(item: Item, event: CustomEvent<Item>) => boolean} */
  open: () => true,
  /** @type {(detail: ActionDetail, event: CustomEvent<ActionDetail>) => boolean} */
  action: () => true,
  /** @type {(detail: ViewDetail, event: CustomEvent<ViewDetail>) => boolean} */
  view: () => true,
  /** @type {(change: StateChange, event: CustomEvent<StateChange>) => boolean} */
  signedOut: () => true,
  /** @type {(change: StateChange, event: CustomEvent<StateChange>) => boolean} */
  refused: () => true,
  /** @type {(change: StateChange, event: CustomEvent<StateChange>) => boolean} */
  closed: () => true,
};

/** `<clarion-bell>` with the client of the app. */
export const NotificationBell = defineComponent({
  name: "NotificationBell",
  props: {
    ...SHARED_PROPS,
    /** `off`: no short notes of new items while it is closed. */
    toast: { type: /** @type {import("vue").PropType<"off">} */ (String), default: undefined },
  },
  emits: {
    ...SHARED_EMITS,
    /** @type {(detail: ToggleDetail, event: CustomEvent<ToggleDetail>) => boolean} */
    toggle: () => true,
  },
  methods: {
    /** Opens the inbox and gives it the focus. */
    show() {
      /** @type {ClarionBell} */ (this.$el).show();
    },
    /** Closes it. */
    hide() {
      /** @type {ClarionBell} */ (this.$el).hide();
    },
  },
  setup(props, { emit }) {
    const client = useClarion();
    return () =>
      h("clarion-bell", {
        ...attributes(props),
        ...listeners(emit),
        ".client": client,
        "^toast": props.toast,
      });
  },
});

/** `<clarion-inbox>` with the client of the app. */
export const NotificationInbox = defineComponent({
  name: "NotificationInbox",
  props: {
    ...SHARED_PROPS,
    /** Short notes of new items over the page. */
    toast: { type: Boolean, default: false },
    view: {
      type: /** @type {import("vue").PropType<"inbox" | "unread" | "snoozed" | "archived">} */ (String),
      default: undefined,
    },
    category: { type: String, default: undefined },
  },
  emits: SHARED_EMITS,
  setup(props, { emit }) {
    const client = useClarion();
    return () =>
      h("clarion-inbox", {
        ...attributes(props),
        ...listeners(emit),
        ".client": client,
        "^toast": props.toast ? "" : undefined,
        "^view": props.view,
        "^category": props.category,
      });
  },
});

/** @param {Readonly<{words?: SomeWords, label?: string, theme?: string}>} props */
function attributes({ words, label, theme }) {
  return { "^label": label, "^theme": theme, ...(words && { ".words": words }) };
}

/** @param {(name: any, ...told: any[]) => void} emit */
function listeners(emit) {
  const names = ["open", "action", "view", "toggle", "signedOut", "refused", "closed"];
  return Object.fromEntries(
    names.map((name) => [
      `onClarion-${name === "signedOut" ? "signed-out" : name}`,
      (/** @type {CustomEvent} */ event) => emit(name, event.detail, event),
    ]),
  );
}
