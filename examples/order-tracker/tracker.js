import { Clarion } from "/web/client/clarion.js";

const STEPS = ["placed", "packed", "shipped", "delivered"];
const name = new URLSearchParams(location.search).get("name") ?? "ada";
const pass = async () => (await fetch(`/token?user=${encodeURIComponent(name)}`)).json();

const clarion = new Clarion({ url: (await pass()).live, token: async () => (await pass()).token });
clarion.on("change", show);
clarion.on("state", ({ state, detail }) => {
  document.querySelector("#line").textContent = detail ?? state;
});
clarion.connect();

/** The newest item of an order says how far it is. */
function show() {
  const newest = new Map();
  for (const { data, title } of clarion.items.toReversed()) {
    if (data?.order) newest.set(data.order, { title, step: STEPS.indexOf(data.status) });
  }
  const orders = [...newest].map(([order, { title, step }]) => {
    const steps = STEPS.map((word, at) => element("li", word, at === step && "step"));
    return element("section", element("h2", `Order ${order}`), element("p", title), element("ol", ...steps));
  });
  document.querySelector("#orders").replaceChildren(...orders);
}

/** Content is text, never markup. */
function element(tag, ...parts) {
  const made = document.createElement(tag);
  if (parts.at(-1) === "step") made.setAttribute("aria-current", parts.pop());
  made.append(...parts.filter((part) => part !== false));
  return made;
}
