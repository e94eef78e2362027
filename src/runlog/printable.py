"""Texts of others, as a terminal may be given them.

What would move the cursor, break the line or turn the reading direction is shown as an escape: a
run's name, or a server's message, must not be able to write on somebody's terminal. So is what
nobody sees, and so could tell one name from another; but not the joiners of U+200C and U+200D,
which scripts and emoji need.
"""

from __future__ import annotations

CONTROLS = {
    code: ("\\x{:02x}", "\\u{:04x}", "\\U{:08x}")[(code > 0xFF) + (code > 0xFFFF)].format(code)
    for code in (*range(32), *range(127, 160), 0x61C, 0x180E, 0x200B, 0x200E, 0x200F,
                 *range(0x2028, 0x202F), *range(0x2060, 0x2070), 0xFEFF, *range(0xFFF9, 0xFFFC),
                 *range(0xE0000, 0xE0080))
} | {9: "\\t", 10: "\\n", 13: "\\r"}  # fmt: skip
"""By code, what stands for a character."""


def plain(value: object) -> str:
    """Return `value` as text in one line that a terminal shows as it is; None is empty."""
    return "" if value is None else str(value).translate(CONTROLS)


def plain_lines(text: str) -> str:
    """Return a text of several lines, each as a terminal shows it."""
    return "\n".join(map(plain, text.split("\n")))
