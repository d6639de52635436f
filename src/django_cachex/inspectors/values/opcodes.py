"""Read the opcodes of a pickle."""

from __future__ import annotations

import re
import struct
import sys
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

DIGITS = 4300
LIMIT = 1024 * 1024


def most_digits() -> int:
    """Return how many decimal digits an integer may have to be read or written in decimal.

    The time that takes grows with the square: Python refuses more than
    `sys.get_int_max_str_digits()` (where 0 means no limit), and we more than its default.
    """
    return min(sys.get_int_max_str_digits() or DIGITS, DIGITS)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits on what goes in and on what comes out."""

    size: int = LIMIT
    """Bytes that are read at all, and bytes of text and numbers that come out."""

    steps: int = 100_000
    """Opcodes that are followed."""

    nodes: int = 10_000
    """Values that come out (text keys of dicts left aside); a shared one counts each time."""

    depth: int = 50
    """Containers within containers that come out."""


DECIMAL = re.compile(rb"-?[0-9]+")


class Damaged(ValueError):
    """The bytes are not a whole pickle; `reason` is a sentence for people."""

    def __init__(self, reason: str | Promise) -> None:
        super().__init__(reason)
        self.reason = reason


class TooLong(Damaged):
    """The pickle takes more steps than were allowed; nothing says that it is damaged."""


class Stream:
    """Bytes read once, from the front. A declared length never reserves memory."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def take(self, count: int) -> bytes:
        end = self.position + count
        if end > len(self.data):
            self.ends_early()
        taken = self.data[self.position : end]
        self.position = end
        return taken

    def line(self) -> bytes:
        """Return the bytes up to a line feed, without it."""
        end = self.data.find(b"\n", self.position)
        if end < 0:
            self.ends_early()
        taken = self.data[self.position : end]
        self.position = end + 1
        return taken

    def ends_early(self) -> None:
        raise Damaged(
            format_lazy(_("The pickle ends early, at byte {count}."), count=len(self.data))
        )


# Readers of one argument each, named as `pickletools` names the forms.


def nothing(stream: Stream) -> None:
    return None


def uint1(stream: Stream) -> int:
    return stream.take(1)[0]


def uint2(stream: Stream) -> int:
    return int.from_bytes(stream.take(2), "little")


def uint4(stream: Stream) -> int:
    return int.from_bytes(stream.take(4), "little")


def uint8(stream: Stream) -> int:
    return int.from_bytes(stream.take(8), "little")


def int4(stream: Stream) -> int:
    return int.from_bytes(stream.take(4), "little", signed=True)


def long1(stream: Stream) -> int:
    return int.from_bytes(stream.take(uint1(stream)), "little", signed=True)


def long4(stream: Stream) -> int:
    return int.from_bytes(stream.take(uint4(stream)), "little", signed=True)


def float8(stream: Stream) -> float:
    number: float = struct.unpack(">d", stream.take(8))[0]
    return number


def bytes1(stream: Stream) -> bytes:
    return stream.take(uint1(stream))


def bytes4(stream: Stream) -> bytes:
    return stream.take(uint4(stream))


def bytes8(stream: Stream) -> bytes:
    return stream.take(uint8(stream))


def bytearray8(stream: Stream) -> bytearray:
    return bytearray(bytes8(stream))


def text1(stream: Stream) -> str:
    return bytes1(stream).decode("utf-8", "surrogatepass")


def text4(stream: Stream) -> str:
    return bytes4(stream).decode("utf-8", "surrogatepass")


def text8(stream: Stream) -> str:
    return bytes8(stream).decode("utf-8", "surrogatepass")


def text_line(stream: Stream) -> str:
    return stream.line().decode("raw_unicode_escape")


def decimal(digits: bytes) -> int:
    if len(digits) > most_digits() or not DECIMAL.fullmatch(digits):
        raise ValueError("not a decimal integer")
    return int(digits)


def int_line(stream: Stream) -> int:
    """Read an integer, or a boolean as protocols 0 and 1 write it."""
    digits = stream.line()
    return {b"00": False, b"01": True}[digits] if digits in (b"00", b"01") else decimal(digits)


def long_line(stream: Stream) -> int:
    return decimal(stream.line().removesuffix(b"L"))


def float_line(stream: Stream) -> float:
    return float(stream.line())


def name_line(stream: Stream) -> str:
    return stream.line().decode()


def name_lines(stream: Stream) -> tuple[str, str]:
    return name_line(stream), name_line(stream)
