import { css } from "./base.js";

/** What stands around the items. */
export const chrome = css(`
:host { display: block; min-block-size: 16rem; }
.inbox {
  position: relative; display: flex; flex-direction: column; block-size: 100%;
  background: var(--_surface); border: var(--clarion-border, 1px solid var(--_line));
  border-radius: var(--_radius); overflow: clip; container-type: inline-size;
}
header {
  display: flex; align-items: center; justify-content: space-between;
  gap: 0.25rem 0.75rem; padding-block: 0.75rem 0.375rem; padding-inline: 1.125rem 0.75rem;
}
.name, .tools { display: flex; align-items: center; gap: 0.5rem; min-block-size: 2rem; }
.name { min-inline-size: 0; flex: 1; overflow: hidden; padding: 2px; margin: -2px; }
.tools { flex: none; gap: 0.125rem; }
.heading, ::slotted([slot="heading"]) {
  font-size: 1.0625rem; font-weight: 650; line-height: 1.3; margin: 0;
  white-space: nowrap;
}
.badge {
  min-inline-size: 1.625rem; padding: 0.0625rem 0.4375rem; border-radius: 99px; text-align: center;
  background: var(--_accent); color: var(--_on-accent);
  font-size: 0.8125rem; font-weight: 650; font-variant-numeric: tabular-nums;
}
.badge[data-none] { background: var(--_hover); color: var(--_muted); }
.status {
  display: inline-flex; align-items: center; gap: 0.375rem; margin-inline-start: 0.25rem;
  color: var(--_muted); font-size: 0.8125rem; white-space: nowrap;
}
.status::before {
  content: ""; flex: none; inline-size: 0.5rem; block-size: 0.5rem; border-radius: 50%;
  background: currentColor;
}
.status[data-state="live"] { color: var(--_good); }
.status:is([data-state="waiting"], [data-state="offline"]) { color: var(--_warn); }
.status[data-state="refused"] { color: var(--_bad); }
.all-read, .older {
  display: inline-flex; align-items: center; gap: 0.375rem; min-block-size: 2rem;
  border: 0; background: none; border-radius: 8px; padding: 0.25rem 0.5rem;
  color: var(--_accent); font-size: 0.875rem; font-weight: 550; white-space: nowrap;
}
.all-read:hover:enabled, .older:hover:enabled { background: var(--_soft); }
.all-read:disabled, .older:disabled { color: var(--_muted); }

.filters {
  display: flex; align-items: start; justify-content: space-between;
  gap: 0.25rem 0.5rem; padding-block: 0 0.5rem; padding-inline: 0.75rem;
  border-block-end: 1px solid var(--_line);
}
.tabs { display: flex; gap: 0.125rem; min-inline-size: 0; overflow-x: auto; scrollbar-width: none; }
.tab {
  flex: none; white-space: nowrap;
  min-block-size: 1.875rem; padding: 0.1875rem 0.625rem; border: 0; border-radius: 99px;
  background: none; color: var(--_muted); font-size: 0.8125rem; font-weight: 550;
}
.tab:focus-visible { outline-offset: -2px; }
.tab:hover { background: var(--_hover); color: var(--_text); }
.tab[aria-selected="true"] { background: var(--_soft); color: var(--_accent); }
.category { position: relative; flex: none; display: flex; margin-inline-start: auto; color: var(--_muted); }
.category .icon { position: absolute; inset-inline-start: 0.375rem; inset-block-start: 0.375rem; pointer-events: none; }
.category select {
  appearance: none; min-block-size: 1.875rem; max-inline-size: 10rem; padding-block: 0.125rem;
  padding-inline: 1.75rem 0.625rem; border: 0; border-radius: 99px; background: none;
  font-size: 0.8125rem; font-weight: 550; text-overflow: ellipsis;
}
.category select:hover { background: var(--_hover); color: var(--_text); }
.category[data-chosen] { color: var(--_accent); }
.category[data-chosen] select { background: var(--_soft); }
option { background: var(--_raised); color: var(--_text); }

.notice {
  display: flex; align-items: center; justify-content: space-between; gap: 0.5rem 1rem;
  padding: 0.5rem 1.125rem; background: var(--_warn-soft); color: var(--_warn);
  font-size: 0.875rem; border-block-end: 1px solid var(--_line);
}
.scroll { flex: 1; overflow-y: auto; overscroll-behavior: contain; scrollbar-width: thin; position: relative; }
.scroll:focus-visible { outline-offset: -2px; }
.above {
  position: sticky; inset-block-start: 0.5rem; z-index: 3; display: flex; align-items: center;
  gap: 0.25rem; inline-size: fit-content; min-block-size: 2rem; margin: 0 auto -2rem;
  padding: 0.125rem 0.875rem 0.125rem 0.625rem; border: 0; border-radius: 99px;
  background: var(--_accent); color: var(--_on-accent); box-shadow: var(--_shadow);
  font-size: 0.8125rem; font-weight: 600;
}
.older { display: flex; margin: 0.5rem auto 0.75rem; }

.panel { display: grid; justify-items: center; gap: 0.25rem; padding: 3rem 1.5rem; text-align: center; }
.picture {
  display: grid; place-items: center; inline-size: 3.5rem; block-size: 3.5rem; margin-block-end: 0.625rem;
  border-radius: 50%; background: var(--_soft); color: var(--_accent);
}
.picture .icon { inline-size: 1.625rem; block-size: 1.625rem; }
.trouble .picture { background: var(--_warn-soft); color: var(--_warn); }
.panel-title { font-weight: 600; overflow-wrap: anywhere; }
.panel-text { max-inline-size: 40ch; color: var(--_muted); font-size: 0.875rem; }
.panel .button { margin-block-start: 0.75rem; }
.loading { padding: 0.25rem 1.125rem; }
.skeleton { display: block; block-size: 3rem; margin-block: 0.875rem; border-radius: 8px; background: var(--_line); }

.menu {
  position: fixed; inline-size: max-content; min-inline-size: 14rem; max-inline-size: calc(100vw - 1rem);
  padding: 0.3125rem;
  background: var(--_raised); border: 1px solid var(--_line); border-radius: 10px; box-shadow: var(--_shadow);
}
.menu:popover-open { display: grid; }
.menu button {
  display: flex; flex-wrap: wrap; justify-content: space-between; align-items: baseline; gap: 0 1.5rem;
  min-block-size: 2.125rem; padding: 0.3125rem 0.625rem; border: 0; border-radius: 7px;
  background: none; font-size: 0.875rem; text-align: start;
}
.menu button:is(:hover, :focus-visible) { background: var(--_hover); }
.menu button:focus-visible { outline-offset: -2px; }
.menu-hint { color: var(--_muted); font-size: 0.8125rem; }
[data-tight="status"] .status { inline-size: 0.5rem; overflow: hidden; gap: 1rem; flex: none; }
[data-tight="status"] .heading, [data-tight="status"] ::slotted([slot="heading"]) { overflow: hidden; text-overflow: ellipsis; }
[data-tight]:not([data-tight=""]) .all-read { min-inline-size: 2rem; padding: 0.25rem 0.4375rem; }
[data-tight]:not([data-tight=""]) .all-read-text {
  position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden;
  clip-path: inset(50%); white-space: nowrap;
}
@container (max-width: 28rem) {
  .category:not([data-chosen]) select { inline-size: 1.875rem; padding-inline: 1.875rem 0; }
}
@container (max-width: 25rem) {
  header { padding-inline-start: 1rem; }
  .filters { padding-inline: 0.5rem; }
  .tabs { gap: 0; }
  .tab { padding-inline: 0.4375rem; }
  .notice { flex-wrap: wrap; }
}
@media (pointer: coarse) {
  .category .icon { inset-block-start: 0.6875rem; }
  .tab, .category select, .all-read, .menu button, .button { min-block-size: 2.5rem; }
}
@media (forced-colors: active) {
  .tab[aria-selected="true"] { forced-color-adjust: none; background: SelectedItem; color: SelectedItemText; }
  .category[data-chosen], .menu button:focus-visible { outline: 2px solid Highlight; outline-offset: -2px; }
  .badge, .above, .menu, .button { border: 1px solid; }
  .status::before { forced-color-adjust: none; }
}
`);
