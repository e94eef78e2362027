"""Names and values that stores have to keep as they are, and those they have to refuse."""

from __future__ import annotations

import math

ODD_NAMES = [
    "it's",
    'say "a"',
    "`'\"",
    "a/b",
    "../a",
    " a ",
    "tab\tnew\nline",
    "é",
    "e\u0301",
    "日本",
    "🎈",
    "%_",
    "\\",
    "--; drop table run",
    "NaN",
    "null",
    "0",
]
ODD_KEYS = ["a b", "a/b", "a.b", "a-b", "a:b", " a ", "é", "日本", "_", "1", "NaN", "k" * 250]
BAD_KEYS = [
    "", "k" * 251, "/a", "a/", "a//b", "a/../b", "..", ".", 'a"b', "it's", "a`b", "a\nb", "a%",
    "🎈", None, 5,
]  # fmt: skip

DOUBLES = [
    0.0,
    -0.0,
    1.0,
    -1.5,
    math.pi,
    5e-324,
    -2.2250738585072014e-308,
    1.7976931348623157e308,
    2.0**53,
    1e22,
    math.nan,
    math.inf,
    -math.inf,
]
NOT_IDS = ["", " ", "x y", "a'b", "a/b", "é", "a" * 257, None, 5]
NOT_EXPERIMENT_IDS = ["", "x", "--1", "1-", "1.5", " 1", "١", None, True, 1.5, str(2**63)]
