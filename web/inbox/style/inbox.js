import { base } from "./base.js";
import { chrome } from "./chrome.js";
import { items } from "./items.js";

export const sheets = [base, chrome, items];
