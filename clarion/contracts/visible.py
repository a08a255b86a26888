"""Whether a text shows anything.

Invisible are control and format characters, separators, what Unicode lets a renderer ignore
(fillers, variation selectors, tags), the blank of Braille, and a few letters drawn as nothing.
"""

from __future__ import annotations

import re

INVISIBLE = (
    *((0x0000, 0x0020), (0x007F, 0x00A0), (0x00AD, 0x00AD), (0x034F, 0x034F), (0x0600, 0x0605)),
    *((0x061C, 0x061C), (0x06DD, 0x06DD), (0x070F, 0x070F), (0x0890, 0x0891), (0x08E2, 0x08E2)),
    *((0x115F, 0x1160), (0x1680, 0x1680), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2000, 0x200F)),
    *((0x2028, 0x202F), (0x205F, 0x206F), (0x2800, 0x2800), (0x3000, 0x3000), (0x3164, 0x3164)),
    *((0xFDD0, 0xFDEF), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFFB)),
    *((0xFFFE, 0xFFFF), (0x110BD, 0x110BD), (0x110CD, 0x110CD), (0x13430, 0x1343F)),
    *((0x16FE4, 0x16FE4), (0x1BCA0, 0x1BCA3), (0x1D159, 0x1D159), (0x1D173, 0x1D17A)),
    (0xE0000, 0xE0FFF),
)
"""First and last of each range; by our own list, since Pythons differ in their Unicode."""

VISIBLE_PATTERN = "[^{}]".format(
    "".join(f"\\u{first:04X}-\\u{last:04X}" for first, last in INVISIBLE if last <= 0xFFFF)
)
"""As it stands in the schemas, where characters past U+FFFF have no portable spelling."""

_VISIBLE = re.compile(
    "[^{}]".format("".join(f"\\U{first:08X}-\\U{last:08X}" for first, last in INVISIBLE))
)


def is_blank(text: str) -> bool:
    """Whether nothing of `text` can be seen."""
    return _VISIBLE.search(text) is None
