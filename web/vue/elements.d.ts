/** The elements' tags in templates, for who uses them without the components. */

import type { HTMLAttributes } from "vue";
import type { BellAttributes, InboxAttributes } from "../inbox/index.js";

type Tag<Attributes> = new () => { $props: HTMLAttributes & Attributes };

export interface ClarionTags {
  "clarion-bell": Tag<BellAttributes>;
  "clarion-inbox": Tag<InboxAttributes>;
}

declare module "vue" {
  interface GlobalComponents extends ClarionTags {}
}
