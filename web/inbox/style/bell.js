import { base, css } from "./base.js";

const bell = css(`
:host { display: inline-block; }
.bell {
  position: relative; display: grid; place-items: center; inline-size: 2.5rem; block-size: 2.5rem;
  padding: 0; border: 0; border-radius: 50%; background: none; color: var(--_text);
}
.bell:hover, .bell[aria-expanded="true"] { background: var(--_hover); }
.bell .icon { inline-size: 1.375rem; block-size: 1.375rem; stroke-width: 1.6; }
.bell:is([data-state="refused"], [data-state="closed"], [data-state="offline"]) .icon { color: var(--_muted); }
.count {
  position: absolute; inset-block-start: 0.0625rem; inset-inline-start: 1.25rem;
  min-inline-size: 1.125rem; padding-inline: 0.25rem; border-radius: 99px;
  background: var(--clarion-badge, light-dark(#c62828, #ff8a80)); color: var(--clarion-on-badge, light-dark(#fff, #2a0d0b));
  box-shadow: 0 0 0 2px var(--clarion-badge-ring, var(--_surface));
  font-size: 0.6875rem; font-weight: 700; line-height: 1.125rem; text-align: center;
  font-variant-numeric: tabular-nums;
}
.sheet {
  position: fixed; inline-size: var(--clarion-popover-width, 26.5rem); max-inline-size: calc(100vw - 1rem);
  block-size: var(--clarion-popover-height, 36rem); max-block-size: calc(100dvh - 5rem);
  border-radius: var(--_radius); background: var(--_surface);
  border: 1px solid var(--_line); box-shadow: var(--_shadow); overflow: clip;
}
.sheet clarion-inbox { block-size: 100%; min-block-size: 0; --clarion-border: 0; }
@media (max-width: 30rem) {
  .sheet {
    inset: auto 0 0; inline-size: 100%; max-inline-size: none; block-size: min(100dvh - 2rem, 44rem);
    max-block-size: none; border-width: 1px 0 0; border-end-start-radius: 0; border-end-end-radius: 0;
  }
  .sheet::backdrop { background: #0008; }
}
@media (prefers-reduced-motion: no-preference) {
  .sheet:popover-open { animation: open 0.16s ease-out; }
  @keyframes open { from { opacity: 0; translate: 0 -0.375rem; } }
  @media (max-width: 30rem) { @keyframes open { from { translate: 0 2rem; opacity: 0; } } }
}
@media (forced-colors: active) { .count { border: 1px solid; } .sheet { border: 2px solid; } }
`);

export const sheets = [base, bell];
