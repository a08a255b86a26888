/** The elements' tags in JSX, for who uses them without the components. */

import type { DetailedHTMLProps, HTMLAttributes } from "react";
import type { BellAttributes, ClarionBell, ClarionInbox, InboxAttributes } from "../inbox/index.js";

type Props<Element, Attributes> = DetailedHTMLProps<HTMLAttributes<Element>, Element> &
  Attributes & { class?: string | undefined };

export interface ClarionElements {
  "clarion-bell": Props<ClarionBell, BellAttributes>;
  "clarion-inbox": Props<ClarionInbox, InboxAttributes>;
}

declare module "react" {
  namespace JSX {
    interface IntrinsicElements extends ClarionElements {}
  }
}
