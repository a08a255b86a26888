import { base } from "./base.js";
import { frame } from "./frame.js";
import { items } from "./items.js";

export const sheets = [base, frame, items];
