/**
 * What the elements have in common. Colours follow the page's `color-scheme`, or `theme` on the
 * element; the `--clarion-*` properties change them from outside.
 *
 * @param {string} text
 */
export const css = (text) => text;

export const base = css(`
:host {
  --_text: var(--clarion-text, light-dark(#1a2230, #e8ecf3));
  --_muted: var(--clarion-muted, light-dark(#566074, #a3adbf));
  --_surface: var(--clarion-surface, light-dark(#ffffff, #171c26));
  --_raised: var(--clarion-raised, light-dark(#ffffff, #212837));
  --_hover: var(--clarion-hover, light-dark(#f4f6fa, #1e2531));
  --_line: var(--clarion-line, light-dark(#e3e7ee, #2b3342));
  --_edge: var(--clarion-edge, light-dark(#838da1, #69748a));
  --_accent: var(--clarion-accent, light-dark(#3450b5, #9fb4ff));
  --_on-accent: var(--clarion-on-accent, light-dark(#ffffff, #10162a));
  --_soft: color-mix(in oklab, var(--_accent) 9%, var(--_surface));
  --_warn: var(--clarion-warn, light-dark(#8a4b08, #f3c06b));
  --_warn-soft: var(--clarion-warn-soft, light-dark(#fdf4e3, #33270f));
  --_good: var(--clarion-good, light-dark(#17734a, #6fd3a3));
  --_bad: var(--clarion-bad, light-dark(#b3261e, #ff9c92));
  --_radius: var(--clarion-radius, 12px);
  --_shadow: var(--clarion-shadow, 0 1px 2px light-dark(#10182814, #0006),
    0 12px 32px light-dark(#1018282e, #000a));
  color: var(--_text);
  font: var(--clarion-font, 400 0.9375rem/1.5 system-ui, sans-serif);
}
:host([theme="light"]) { color-scheme: light; }
:host([theme="dark"]) { color-scheme: dark; }
:host([hidden]), [hidden] { display: none !important; }
* { box-sizing: border-box; margin: 0; }
button, select { font: inherit; color: inherit; cursor: pointer; }
:disabled { cursor: default; }
:focus-visible { outline: 2px solid var(--_accent); outline-offset: 2px; }
.spoken {
  position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden;
  clip-path: inset(50%); white-space: nowrap;
}
.icon {
  inline-size: 1.125rem; block-size: 1.125rem; fill: none; stroke: currentColor;
  stroke-width: 1.75; stroke-linecap: round; stroke-linejoin: round;
}
.action {
  display: grid; place-items: center; min-inline-size: 1.875rem; block-size: 1.875rem; padding: 0;
  border: 0; border-radius: 7px; background: none; color: var(--_muted);
}
.action:hover, .action[aria-expanded="true"] { background: var(--_hover); color: var(--_text); }
.action:focus-visible { outline-offset: -2px; }
.button {
  flex: none; min-block-size: 2rem; padding: 0.25rem 0.75rem; border: 1px solid var(--_edge);
  border-radius: 8px; background: var(--_surface); color: var(--_text); font-size: 0.875rem; font-weight: 550;
}
.button:hover { background: var(--_hover); }
@media (pointer: coarse) { .action { min-inline-size: 2.75rem; block-size: 2.75rem; } }

[popover] { color: var(--_text); border: 0; padding: 0; margin: 0; inset: auto; overflow: visible; }
.toasts {
  position: fixed; inset-block-end: 1rem; inset-inline-end: 1rem; background: none;
  inline-size: min(22.5rem, 100vw - 2rem);
}
.toasts:popover-open { display: grid; gap: 0.5rem; }
.toast {
  display: grid; grid-template-columns: minmax(0, 1fr) auto; align-items: start; gap: 0.25rem; padding: 0.375rem;
  background: var(--_raised); border: 1px solid var(--_line); border-radius: var(--_radius);
  border-inline-start: 3px solid var(--_accent); box-shadow: var(--_shadow);
}
.toast-open {
  min-inline-size: 0; display: grid; gap: 0.125rem; padding: 0.375rem 0.625rem;
  border: 0; border-radius: 7px; background: none; text-align: start;
}
.toast-open:hover { background: var(--_hover); }
.toast-title { font-weight: 600; }
.toast-text { color: var(--_muted); font-size: 0.875rem; }
.toast-title, .toast-text {
  overflow-wrap: anywhere; overflow: hidden; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; line-clamp: 2;
}
.toast-text:empty { display: none; }
.toast-time { color: var(--_muted); font-size: 0.8125rem; }
.toast .button { justify-self: start; margin-inline-start: 0.625rem; margin-block-end: 0.25rem; }
@media (prefers-reduced-motion: no-preference) {
  .toast { animation: arrive 0.25s ease-out; }
  @keyframes arrive { from { opacity: 0; translate: 0 0.5rem; } }
}
@media (forced-colors: active) { .toast { border: 2px solid; } }
`);
