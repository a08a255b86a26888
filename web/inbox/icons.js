/** Line icons, as paths in a box of 24 by 24. */

export const BELL = "M6 10a6 6 0 0 1 12 0c0 5 2 6.5 2 6.5H4S6 15 6 10M10 20a2.2 2.2 0 0 0 4 0";
export const CHECK = "M5 12.5l4.5 4.5L19 7.5";
export const CHECKS = "M2.5 12.5l4.5 4.5L16 7.5M12 16.5l.5.5L22 7.5";
export const DOT = "M12 8a4 4 0 1 0 0 8a4 4 0 1 0 0-8";
export const BOX = "M4 5h16v4H4zM6 9v10h12V9M10 13h4";
export const UNBOX = "M4 5h16v4H4zM6 9v10h12V9M12 17v-5M9.5 14L12 11.5l2.5 2.5";
export const CLOCK = "M12 4a8 8 0 1 0 0 16a8 8 0 1 0 0-16M12 8v4.5l3 1.8";
export const CROSS = "M6 6l12 12M18 6L6 18";
export const CLOUD = "M7 18h9.5a3.7 3.7 0 0 0 .6-7.35A5.2 5.2 0 0 0 7 9.6 4.25 4.25 0 0 0 7 18M4 4l16 17";
export const DOTS =
  "M5 11a1 1 0 1 0 0 2a1 1 0 1 0 0-2M12 11a1 1 0 1 0 0 2a1 1 0 1 0 0-2M19 11a1 1 0 1 0 0 2a1 1 0 1 0 0-2";
export const UP = "M12 19V6M6.5 11.5L12 6l5.5 5.5";
export const FUNNEL = "M4 6h16M7 12h10M10 18h4";
