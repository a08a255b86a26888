import de from "@clarion/inbox/locales/de";
import { Clarion, locales, type ClarionBell, type Item, type BellAttributes, type SomeWords } from "@clarion/inbox";

const bell: ClarionBell = document.createElement("clarion-bell");
bell.client = new Clarion({ token: "t" });
bell.words = { heading: "News", newAbove: { one: "{count} neue", other: "{count} neue" } };
bell.show();
const inbox = document.querySelector("clarion-inbox")!;
inbox.view = "unread";
inbox.addEventListener("clarion-open", (event) => {
  const item: Item = event.detail;
  event.preventDefault();
  console.log(item.title);
});
document.addEventListener("clarion-action", ({ detail }) => console.log(detail.label, detail.url, detail.item.id));
inbox.addEventListener("clarion-view", ({ detail: { state, category } }) => console.log(state, category));
bell.addEventListener("clarion-toggle", ({ detail }) => {
  const open: boolean = detail.open;
  // @ts-expect-error it says nothing else
  console.log(open, detail.other);
});
document.addEventListener("clarion-signed-out", ({ detail: { state, code } }) => console.log(state, code));
inbox.addEventListener("clarion-refused", ({ detail }) => {
  const why: string | undefined = detail.detail;
  console.log(why);
});
export const attributes: BellAttributes = { theme: "dark", toast: "off", token: "t", url: "/v1/live" };
// @ts-expect-error there are two themes
export const wrong: BellAttributes = { theme: "blue" };
// @ts-expect-error there is no such word
export const words: SomeWords = { nothing: "x" };
locales["de"] = de;
locales["ar"] = () => import("@clarion/inbox/locales/ar");
// @ts-expect-error it is no table
locales["fr"] = 3;
