import { css } from "./base.js";

/** Days and items. */
export const items = css(`
.list { overflow: clip; }
.day {
  position: sticky; inset-block-start: 0; z-index: 2; padding: 0.5rem 1.125rem 0.375rem;
  background: var(--_surface); color: var(--_muted);
  font-size: 0.75rem; font-weight: 600;
}
.rows { list-style: none; padding: 0; }
.rows > li + li { border-block-start: 1px solid var(--_line); }
.rows > .gap { position: relative; border: 0; overflow-anchor: none; }
.near { position: absolute; inset-inline: 0; inset-block: -100rem; visibility: hidden; }
.item {
  position: relative; display: grid; cursor: pointer;
  grid-template: "mark avatar line time" auto "mark avatar rest rest" 1fr / 0.5rem 2.25rem minmax(0, 1fr) minmax(var(--_tools), auto);
  --_tools: 5.75rem;
  column-gap: 0.625rem; padding-block: 0.75rem; padding-inline: 0.625rem 1.125rem;
  scroll-margin-block: 2.5rem 0.5rem;
}
.item:hover { background: var(--_hover); }
.item[data-unread] { background: color-mix(in oklab, var(--_accent) 4%, var(--_surface)); }
.item[data-unread]:hover { background: color-mix(in oklab, var(--_accent) 8%, var(--_surface)); }
.item:focus-visible { outline-offset: -3px; border-radius: 8px; }
.mark {
  grid-area: mark; align-self: start; inline-size: 0.5rem; block-size: 0.5rem;
  margin-block-start: 0.875rem; border-radius: 50%;
}
[data-unread] .mark { background: var(--_accent); }
.avatar {
  grid-area: avatar; display: grid; place-items: center; inline-size: 2.25rem; block-size: 2.25rem;
  border-radius: var(--clarion-avatar-radius, 10px);
  background: light-dark(oklch(0.94 0.035 var(--_hue)), oklch(0.32 0.05 var(--_hue)));
  color: light-dark(oklch(0.42 0.11 var(--_hue)), oklch(0.87 0.07 var(--_hue)));
  font-weight: 650; font-size: 0.9375rem; --_hue: 265;
}
.avatar[data-hue="1"] { --_hue: 155; }
.avatar[data-hue="2"] { --_hue: 60; }
.avatar[data-hue="3"] { --_hue: 20; }
.avatar[data-hue="4"] { --_hue: 320; }
.avatar[data-hue="5"] { --_hue: 215; }
.avatar img { inline-size: 100%; block-size: 100%; object-fit: cover; border-radius: inherit; }
.actor { font-weight: 600; overflow-wrap: anywhere; }
.avatar .icon { inline-size: 1.25rem; block-size: 1.25rem; }
.rest { grid-area: rest; min-inline-size: 0; }
.rest, .line { max-inline-size: 52ch; }
.line { grid-area: line; font-size: inherit; font-weight: 500; line-height: 1.4; overflow-wrap: anywhere; }
.line, .body {
  overflow: hidden; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3; line-clamp: 3;
}
.line { -webkit-line-clamp: 2; line-clamp: 2; }
[data-unfolded] :is(.line, .body) { display: block; }
.more {
  min-block-size: 1.5rem; padding: 0; border: 0; background: none; color: var(--_accent);
  font-size: 0.8125rem; font-weight: 600;
}
.more:hover { text-decoration: underline; }
[data-unread] .line { font-weight: 650; }
.body {
  margin-block-start: 0.125rem; color: var(--_muted); font-size: 0.875rem; overflow-wrap: anywhere;
  white-space: pre-line;
}
.links { display: flex; flex-wrap: wrap; gap: 0.375rem; margin-block: 0.5rem 0.25rem; }
.act, .no-link {
  display: inline-flex; align-items: center; min-block-size: 1.875rem; max-inline-size: 100%;
  padding: 0.1875rem 0.75rem; border: 1px solid var(--_line); border-radius: 8px;
  font-size: 0.8125rem; font-weight: 600; overflow-wrap: anywhere; color: var(--_muted);
}
.act { border-color: var(--_edge); background: var(--_surface); color: var(--_text); text-decoration: none; }
.act:hover { background: var(--_hover); }
.act:first-child { border-color: var(--_accent); background: var(--_accent); color: var(--_on-accent); }
.no-link { border-style: dashed; font-weight: 450; }
.about {
  display: flex; flex-wrap: wrap; align-items: center; gap: 0 0.75rem;
  margin-block-start: 0.125rem; color: var(--_muted); font-size: 0.8125rem;
}
.kind { overflow-wrap: anywhere; }
.urgent { color: var(--_bad); font-weight: 600; }
.open { color: inherit; text-decoration: none; border-radius: 4px; }
.open[href]::after { content: ""; position: absolute; inset: 0; }
.open:focus-visible { outline: 0; }
.open:focus-visible::after { outline: 2px solid var(--_accent); outline-offset: -3px; border-radius: 8px; }
.title, .body, .more, .about > *, .links > *, .time { position: relative; z-index: 1; }
.time {
  grid-area: time; padding-block-start: 0.125rem; color: var(--_muted); font-size: 0.8125rem;
  white-space: nowrap; font-variant-numeric: tabular-nums; text-align: end;
}
.actions { position: absolute; z-index: 1; inset-block-start: 0.25rem; inset-inline-end: 0.875rem; display: flex; }
@media not (pointer: coarse) {
  .actions { opacity: 0; }
  .actions .action { block-size: 1.75rem; }
  .item:is(:hover, :focus-within, :has([aria-expanded="true"]:not(.more))) .actions { opacity: 1; }
  .item:is(:hover, :focus-within, :has([aria-expanded="true"]:not(.more))) .time { visibility: hidden; }
  .item:hover .open[href] { text-decoration: underline 1px; text-underline-offset: 0.15em; }
  .menu-open { display: none; }
  @container (max-width: 22rem) {
    .item { --_tools: 0; }
    .item .time { visibility: visible !important; }
    .about { min-block-size: 1.75rem; padding-inline-end: 6rem; }
    .actions { inset-block: auto 0.625rem; }
  }
}
@media (pointer: coarse) {
  .item { --_tools: 0; padding-inline-end: 3rem; }
  .actions { inset-block-start: 0; inset-inline-end: 0.125rem; }
  .actions > :not(.menu-open) { display: none; }
}
@media (prefers-reduced-motion: no-preference) {
  .item { transition: background-color 0.15s; }
  .actions { transition: opacity 0.1s; }
  .item[data-new] { animation: come 0.35s ease-out; }
  @keyframes come { from { opacity: 0; translate: 0 -0.375rem; } }
}
@media (forced-colors: active) {
  [data-unread] .mark { forced-color-adjust: none; background: Highlight; }
  .avatar { border: 1px solid; }
}
`);
