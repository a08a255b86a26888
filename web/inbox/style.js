/**
 * The look of `<clarion-inbox>`. It follows the page's `color-scheme`; the `--clarion-*` properties
 * change it from outside. A constructed sheet needs no `unsafe-inline`.
 */
export const sheet = new CSSStyleSheet();

sheet.replaceSync(`
:host {
  --_text: var(--clarion-text, light-dark(#1a2230, #e8ecf3));
  --_muted: var(--clarion-muted, light-dark(#566074, #a3adbf));
  --_surface: var(--clarion-surface, light-dark(#ffffff, #171c26));
  --_hover: var(--clarion-hover, light-dark(#f4f6fa, #1e2531));
  --_line: var(--clarion-line, light-dark(#e3e7ee, #2b3342));
  --_accent: var(--clarion-accent, light-dark(#3450b5, #9fb4ff));
  --_on-accent: var(--clarion-on-accent, light-dark(#ffffff, #10162a));
  --_warn: var(--clarion-warn, light-dark(#8a4b08, #f3c06b));
  --_warn-soft: var(--clarion-warn-soft, light-dark(#fdf4e3, #33270f));
  --_good: var(--clarion-good, light-dark(#17734a, #6fd3a3));
  --_bad: var(--clarion-bad, light-dark(#b3261e, #ff9c92));
  --_radius: var(--clarion-radius, 12px);
  display: block;
  min-block-size: 16rem;
  color: var(--_text);
  font: var(--clarion-font, 400 0.9375rem/1.5 system-ui, sans-serif);
}
:host([hidden]), [hidden] { display: none !important; }
* { box-sizing: border-box; margin: 0; }
button { font: inherit; color: inherit; cursor: pointer; }
.spoken {
  position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden;
  clip-path: inset(50%); white-space: nowrap;
}
:focus-visible { outline: 2px solid var(--_accent); outline-offset: 2px; }

.inbox {
  position: relative; display: flex; flex-direction: column; block-size: 100%;
  background: var(--_surface); border: 1px solid var(--_line); border-radius: var(--_radius);
  overflow: clip;
}
header {
  display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between;
  gap: 0.25rem 1rem; padding-block: 0.75rem; padding-inline: 1.125rem 0.75rem;
  border-block-end: 1px solid var(--_line);
}
.name, .tools { display: flex; align-items: center; gap: 0.625rem; min-block-size: 2rem; }
.heading, ::slotted([slot="heading"]) {
  font-size: 1.0625rem; font-weight: 650; letter-spacing: -0.01em; margin: 0;
}
.badge {
  min-inline-size: 2rem; padding: 0.0625rem 0.4375rem; border-radius: 99px; text-align: center;
  background: var(--_accent); color: var(--_on-accent);
  font-size: 0.8125rem; font-weight: 650; font-variant-numeric: tabular-nums;
}
.badge[data-none] { background: var(--_hover); color: var(--_muted); }
.status {
  display: inline-flex; align-items: center; gap: 0.375rem; color: var(--_muted);
  font-size: 0.8125rem; white-space: nowrap;
}
.status::before {
  content: ""; inline-size: 0.5rem; block-size: 0.5rem; border-radius: 50%;
  background: currentColor;
}
.status[data-state="live"] { color: var(--_good); }
.status:is([data-state="waiting"], [data-state="offline"]) { color: var(--_warn); }
.status[data-state="refused"] { color: var(--_bad); }
.all-read, .older {
  border: 1px solid transparent; background: none; border-radius: 8px;
  padding: 0.25rem 0.5rem; color: var(--_accent); font-size: 0.875rem; font-weight: 550;
}
.all-read:hover:enabled, .older:hover { background: var(--_hover); }
.all-read:disabled { color: var(--_muted); cursor: default; }
.notice {
  padding: 0.5rem 1.125rem; background: var(--_warn-soft); color: var(--_warn);
  font-size: 0.875rem; border-block-end: 1px solid var(--_line);
}

.scroll { flex: 1; overflow-y: auto; overscroll-behavior: contain; scrollbar-width: thin; }
.day {
  position: sticky; inset-block-start: 0; z-index: 1; padding: 0.5rem 1.125rem 0.375rem;
  background: var(--_surface); color: var(--_muted);
  font-size: 0.8125rem; font-weight: 600;
}
.rows { list-style: none; padding: 0; }
.rows > li + li { border-block-start: 1px solid var(--_line); }
.item {
  position: relative; display: grid; grid-template-columns: 0.5rem minmax(0, 1fr) auto;
  grid-template-areas: "mark text actions" ". about actions"; column-gap: 0.75rem; padding-block: 0.75rem; padding-inline: 1.125rem 0.75rem; cursor: pointer;
  scroll-margin-block: 2.5rem 0.5rem;
}
.item:hover { background: var(--_hover); }
.item:focus-visible { outline-offset: -3px; border-radius: 8px; }
.list { container-type: inline-size; }
.text { grid-area: text; }
.about { grid-area: about; }
.actions { grid-area: actions; }
.mark { grid-area: mark; inline-size: 0.5rem; block-size: 0.5rem; margin-block-start: 0.46rem; border-radius: 50%; }
[data-unread] .mark { background: var(--_accent); }
.line { font-size: inherit; font-weight: 450; line-height: 1.4; overflow-wrap: anywhere; }
[data-unread] .line { font-weight: 650; }
.body {
  margin-block-start: 0.125rem; color: var(--_muted); overflow-wrap: anywhere;
  white-space: pre-line; display: -webkit-box; -webkit-box-orient: vertical;
  -webkit-line-clamp: 4; line-clamp: 4; overflow: hidden;
}
.about {
  display: flex; flex-wrap: wrap; align-items: center; align-self: center; gap: 0 0.5rem;
  min-block-size: 1.5rem; margin-block-start: 0.125rem;
  color: var(--_muted); font-size: 0.8125rem;
}
.about > :not(.open, .kind, [hidden])::after { content: "·"; margin-inline-start: 0.5rem; }
.kind { overflow-wrap: anywhere; }
.urgent { color: var(--_bad); font-weight: 600; }
.urgent::after { color: var(--_muted); }
.actions { display: flex; align-items: start; gap: 0.125rem; margin-block-start: -0.25rem; }
.action {
  display: grid; place-items: center; min-inline-size: 2rem; block-size: 2rem;
  border: 0; border-radius: 8px; background: none; color: var(--_muted);
}
.action:hover { background: var(--_line); color: var(--_text); }
.open { margin-inline-start: -0.25rem; padding: 0.125rem 0.25rem; border-radius: 4px; color: var(--_accent); font-weight: 600; }
@container (max-width: 27rem) {
  .item { grid-template-areas: "mark text text" ". about actions"; padding-block-end: 0.5rem; }
  .actions { align-self: end; margin-block-start: 0; }
}
.icon {
  inline-size: 1.125rem; block-size: 1.125rem; fill: none; stroke: currentColor;
  stroke-width: 1.75; stroke-linecap: round; stroke-linejoin: round;
}
.older { display: block; margin: 0.5rem auto 0.75rem; }

.empty { padding: 3.5rem 1.5rem; text-align: center; text-wrap: balance; }
.empty-title { font-weight: 600; }
.empty-text { color: var(--_muted); }
.loading {
  block-size: 9rem; margin: 1rem 1.125rem; border-radius: 8px; opacity: 0.7;
  background: repeating-linear-gradient(var(--_line) 0 0.75rem, transparent 0.75rem 1.75rem);
}

@media (pointer: coarse) { .action { min-inline-size: 2.75rem; block-size: 2.75rem; } }
@media (prefers-reduced-motion: no-preference) {
  .item { animation: arrive 0.35s ease-out; transition: background-color 0.15s; }
  @keyframes arrive { from { opacity: 0; translate: 0 -0.375rem; } }
}
@media (forced-colors: active) {
  [data-unread] .mark, .status::before { forced-color-adjust: none; }
}
`);
