import assert from "node:assert/strict";
import { test } from "node:test";
import { actionsOf, safeLink } from "../../web/inbox/links.js";

globalThis.document = { baseURI: "https://shop.example/inbox/" };
globalThis.location = new URL("https://shop.example/inbox/");

test("a link leads to this site, to https or to mail", () => {
  assert.deepEqual(safeLink("/orders/1"), { href: "https://shop.example/orders/1", isExternal: false });
  assert.deepEqual(safeLink("https://post.example/1"), { href: "https://post.example/1", isExternal: true });
  assert.deepEqual(safeLink("mailto:a@b.example"), { href: "mailto:a@b.example", isExternal: false });
});

for (const text of [
  "javascript:alert(1)",
  " java\nscript:alert(1)",
  "data:text/html,x",
  "http://post.example",
  "",
  7,
  null,
]) {
  test(`${JSON.stringify(text)} leads nowhere`, () => assert.equal(safeLink(text), null));
}

test("three actions of the right shape, the rest passed over", () => {
  const of = (label, url = "/x") => ({ label, url });
  const given = [of("One"), null, of(""), { url: "/y" }, of("Two", "javascript:x"), of("x".repeat(100)), of("Four")];
  const actions = actionsOf({ actions: given });
  assert.deepEqual(
    actions.map(({ label, link }) => [label.length, link !== null]),
    [
      [3, true],
      [3, false],
      [60, true],
    ],
  );
  assert.deepEqual([actionsOf(null), actionsOf({ actions: "no" })], [[], []]);
});
