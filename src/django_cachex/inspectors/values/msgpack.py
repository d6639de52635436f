"""Read MessagePack."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from django_cachex.inspectors.values.nodes import Call, Pairs, Reference, in_pairs
from django_cachex.inspectors.values.pickle_machine import Bounds

Node = Any

CONSTANTS: Final[dict[int, Node]] = {0xC0: None, 0xC2: False, 0xC3: True}
NUMBERS: Final = {
    first: struct.Struct(f">{form}")
    for first, form in zip(range(0xCA, 0xD4), "fdBHIQbhiq", strict=True)
}
LENGTHS: Final = {1: struct.Struct(">B"), 2: struct.Struct(">H"), 4: struct.Struct(">I")}

# First bytes, by how many bytes of length follow them.
BINARIES: Final = {0xC4: 1, 0xC5: 2, 0xC6: 4}
EXTENSIONS: Final = {0xC7: 1, 0xC8: 2, 0xC9: 4}
TEXTS: Final = {0xD9: 1, 0xDA: 2, 0xDB: 4}
ARRAYS: Final = {0xDC: 2, 0xDD: 4}
MAPS: Final = {0xDE: 2, 0xDF: 4}
# Extensions whose first byte says how long they are.
FIXED_EXTENSIONS: Final = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}

TIMESTAMP: Final = -1
"""The code of the one extension that MessagePack defines; those below it are kept for others."""

NANOSECONDS: Final = 10**9


@dataclass(frozen=True, slots=True)
class BaseMsgPackSerializer:
    """What bytes hold, as a graph that `bounded` makes a tree of."""

    value: Node
    ended: str | Promise = ""
    """A sentence saying why reading ended early, or ""."""


@dataclass(slots=True)
class Container:
    """An array or a map that is being read; of a map, keys and values alternate."""

    wanted: int
    is_map: bool
    is_key: bool
    """Whether it is the key of a map, where an array is a tuple."""

    items: list[Node] = field(default_factory=list)

    def closed(self) -> Node:
        if self.is_map:
            return Pairs(in_pairs(self.items[: len(self.items) // 2 * 2]))
        return tuple(self.items) if self.is_key else self.items


def read_packed(data: bytes, bounds: Bounds | None = None) -> BaseMsgPackSerializer:
    """Return what `data` hold; raise ValueError where they are not exactly one whole value."""
    return Reader(data).read((bounds or Bounds()).steps)


class Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.open: list[Container] = []

    def read(self, steps: int) -> BaseMsgPackSerializer:
        for _step in range(steps):
            found = self.next()
            if isinstance(found, Container) and found.wanted:
                self.open.append(found)
                continue
            value = self.placed(found.closed() if isinstance(found, Container) else found)
            if not self.open:
                if self.at != len(self.data):
                    raise ValueError("Something follows the value.")
                return BaseMsgPackSerializer(value)
        return BaseMsgPackSerializer(
            self.cut(), format_lazy(_("Only the first {count} parts are read."), count=f"{steps:,}")
        )

    def placed(self, value: Node) -> Node:
        """Put a value where it belongs, and close what is complete by that; return the last."""
        while self.open:
            container = self.open[-1]
            container.items.append(value)
            if len(container.items) < container.wanted:
                break
            value = self.open.pop().closed()
        return value

    def cut(self) -> Node:
        """Return what has been read, every container closed."""
        value = self.open.pop().closed()
        while self.open:
            self.open[-1].items.append(value)
            value = self.open.pop().closed()
        return value

    def next(self) -> Node:
        first = self.take(1)[0]
        if first < 0x80:
            return first
        if first >= 0xE0:
            return first - 0x100
        if first < 0xC0:
            return self.short(first)
        return self.long(first)

    def short(self, first: int) -> Node:
        if first < 0x90:
            return self.container(first & 0x0F, is_map=True)
        if first < 0xA0:
            return self.container(first & 0x0F, is_map=False)
        return self.take(first & 0x1F).decode()

    def long(self, first: int) -> Node:
        if first in CONSTANTS:
            return CONSTANTS[first]
        if first in NUMBERS:
            form = NUMBERS[first]
            return form.unpack(self.take(form.size))[0]
        if first in TEXTS:
            return self.take(self.length(TEXTS[first])).decode()
        if first in BINARIES:
            return self.take(self.length(BINARIES[first]))
        if first in ARRAYS:
            return self.container(self.length(ARRAYS[first]), is_map=False)
        if first in MAPS:
            return self.container(self.length(MAPS[first]), is_map=True)
        return self.extension(first)

    def extension(self, first: int) -> Node:
        if first in FIXED_EXTENSIONS:
            size = FIXED_EXTENSIONS[first]
        elif first in EXTENSIONS:
            size = self.length(EXTENSIONS[first])
        else:
            raise ValueError("There is no such type.")
        [code] = struct.unpack(">b", self.take(1))
        data = self.take(size)
        if code < TIMESTAMP or (code == TIMESTAMP and not is_timestamp(data)):
            raise ValueError("msgpack refuses such an extension.")
        return Call(Reference("msgpack.ExtType"), (code, data))

    def container(self, length: int, *, is_map: bool) -> Container:
        wanted = length * 2 if is_map else length
        if wanted > len(self.data) - self.at:  # A part takes a byte at least.
            raise ValueError("The data end early.")
        around = self.open[-1] if self.open else None
        is_key = around is not None and (
            around.is_key or (around.is_map and len(around.items) % 2 == 0)
        )
        return Container(wanted, is_map, is_key)

    def length(self, size: int) -> int:
        found: int = LENGTHS[size].unpack(self.take(size))[0]
        return found

    def take(self, size: int) -> bytes:
        start, self.at = self.at, self.at + size
        if self.at > len(self.data):
            raise ValueError("The data end early.")
        return self.data[start : self.at]


def is_timestamp(data: bytes) -> bool:
    """Return whether these are a timestamp: seconds alone, or with nanoseconds of a second."""
    if len(data) == 8:
        return int.from_bytes(data, "big") >> 34 < NANOSECONDS
    if len(data) == 12:
        return int.from_bytes(data[:4], "big") < NANOSECONDS
    return len(data) == 4
