"""What people type, and what nobody should: pools to draw from."""

from __future__ import annotations

from typing import Final

MARKUP: Final = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>')
MARKS: Final = ("<script>alert", "<img src=x")
"""What no page may hold, as markup that was not escaped begins so."""

CONTROLS: Final = (
    *("a\x00b", "a\r\nSet-Cookie: x=1", "\x1b[2J\x1b]0;title\x07", "\x9b31m"),
    *("\u202egnp.exe", "\u2066\u2028\ufeff", "\udcff", "\ud83d", "\U0001f600" * 50),
)

HUGE: Final = ("x" * 20_000, "9" * 5000, "*" * 3000, "*a" * 1500, "[" * 1000, "\\" * 1001)

ODD: Final = (
    *MARKUP,
    *CONTROLS,
    *HUGE,
    *("", " ", "%zz%00", "%s%(x)s{0}", "{{ settings.SECRET_KEY }}{% debug %}", "'\"`;--"),
    *("../../../etc/passwd", "a/b?c#d%e&f=g", "null", "None", "-", "=", ":", "::", ".", "*"),
    *("[a-z]*", "?", "\\*", "*:*", "a:*", "*plain*", "javascript:alert(1)", "//evil.example/"),
)

NUMBERS: Final = (
    *("0", "1", "-1", "7", "50", "3600", "1.5", "-0", "1e3", "1e309", "inf", "-inf", "nan"),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775809", "9" * 400),
    *("1_000", "0x10", "+5", " 5 ", "1.234,5", "\u0663", "", "x"),
)

VALUES: Final = (
    *("plain", "12", "-7", "{}", "[]", '{"a": [1, {"b": null}], "c": true}', '["x", 2]'),
    *('"text"', "1.5", "field 1\nother 2", "1 one\n2 two", "a\nb\nc", "name value\nname value"),
    *('{"a": NaN}', '"\\ud800"', "[" * 3000, "{", '{"a": 1, "a": 2}', '{"items": 1}'),
    *('{"__proto__": {}}', "1e400", '{"py/object": "os.system"}', "\x80\x04K\x01."),
)

TIMEOUTS: Final = ("", "1", "60", "3600", "1h 30m", "1 day", "0", "-5", "0.5", "9" * 20, "1e9")

MOMENTS: Final = (
    *("2099-12-31T23:59", "2099-12-31 23:59:59", "2001-01-01 00:00", "9999-12-31T23:59:59"),
    *("0001-01-01T00:00", "2026-02-30 10:00", "now", "2099-12-31"),
)

NAMES: Final = (
    *("plain", "new", "new:1", "list", "hash", "set", "zset", "stream", "number", "a:b:c", "café"),
    *("lock:job", "with space", "template.cache.x.y"),
)
