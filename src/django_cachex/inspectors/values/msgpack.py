"""Read MessagePack."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from django_cachex.inspectors.values.nodes import CallNode, DictNode, Reference, pair_up
from django_cachex.inspectors.values.pickle_machine import DecodeLimits

Node = Any

CONSTANTS: Final[dict[int, Node]] = {0xC0: None, 0xC2: False, 0xC3: True}
NUMBER_STRUCTS: Final = {
    first: struct.Struct(f">{form}")
    for first, form in zip(range(0xCA, 0xD4), "fdBHIQbhiq", strict=True)
}
LENGTH_STRUCTS: Final = {1: struct.Struct(">B"), 2: struct.Struct(">H"), 4: struct.Struct(">I")}

# First bytes, by how many bytes of length follow them.
BIN_TYPES: Final = {0xC4: 1, 0xC5: 2, 0xC6: 4}
EXT_TYPES: Final = {0xC7: 1, 0xC8: 2, 0xC9: 4}
STR_TYPES: Final = {0xD9: 1, 0xDA: 2, 0xDB: 4}
ARRAY_TYPES: Final = {0xDC: 2, 0xDD: 4}
MAP_TYPES: Final = {0xDE: 2, 0xDF: 4}
# Extensions whose first byte says how long they are.
FIXEXT_TYPES: Final = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}

TIMESTAMP_CODE: Final = -1
"""The code of the one extension that MessagePack defines; those below it are kept for others."""

NANOSECONDS_PER_SECOND: Final = 10**9


@dataclass(frozen=True, slots=True)
class MsgPackValue:
    """What bytes hold, as a graph that `bounded` makes a tree of."""

    value: Node
    ended: str | Promise = ""
    """A sentence saying why reading ended early, or ""."""


@dataclass(slots=True)
class OpenContainer:
    """An array or a map that is being read; of a map, keys and values alternate."""

    wanted: int
    is_map: bool
    is_key: bool
    """Whether it is the key of a map, where an array is a tuple."""

    items: list[Node] = field(default_factory=list)

    def closed(self) -> Node:
        if self.is_map:
            return DictNode(pair_up(self.items[: len(self.items) // 2 * 2]))
        return tuple(self.items) if self.is_key else self.items


def read_msgpack(data: bytes, bounds: DecodeLimits | None = None) -> MsgPackValue:
    """Return what `data` hold; raise ValueError where they are not exactly one whole value."""
    return MsgPackReader(data).read((bounds or DecodeLimits()).steps)


class MsgPackReader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.open: list[OpenContainer] = []

    def read(self, steps: int) -> MsgPackValue:
        for _step in range(steps):
            found = self.next()
            if isinstance(found, OpenContainer) and found.wanted:
                self.open.append(found)
                continue
            value = self.placed(found.closed() if isinstance(found, OpenContainer) else found)
            if not self.open:
                if self.at != len(self.data):
                    raise ValueError("Something follows the value.")
                return MsgPackValue(value)
        return MsgPackValue(
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
        if first in NUMBER_STRUCTS:
            form = NUMBER_STRUCTS[first]
            return form.unpack(self.take(form.size))[0]
        if first in STR_TYPES:
            return self.take(self.length(STR_TYPES[first])).decode()
        if first in BIN_TYPES:
            return self.take(self.length(BIN_TYPES[first]))
        if first in ARRAY_TYPES:
            return self.container(self.length(ARRAY_TYPES[first]), is_map=False)
        if first in MAP_TYPES:
            return self.container(self.length(MAP_TYPES[first]), is_map=True)
        return self.extension(first)

    def extension(self, first: int) -> Node:
        if first in FIXEXT_TYPES:
            size = FIXEXT_TYPES[first]
        elif first in EXT_TYPES:
            size = self.length(EXT_TYPES[first])
        else:
            raise ValueError("There is no such type.")
        [code] = struct.unpack(">b", self.take(1))
        data = self.take(size)
        if code < TIMESTAMP_CODE or (code == TIMESTAMP_CODE and not is_timestamp(data)):
            raise ValueError("msgpack refuses such an extension.")
        return CallNode(Reference("msgpack.ExtType"), (code, data))

    def container(self, length: int, *, is_map: bool) -> OpenContainer:
        wanted = length * 2 if is_map else length
        if wanted > len(self.data) - self.at:  # A part takes a byte at least.
            raise ValueError("The data end early.")
        around = self.open[-1] if self.open else None
        is_key = around is not None and (
            around.is_key or (around.is_map and len(around.items) % 2 == 0)
        )
        return OpenContainer(wanted, is_map, is_key)

    def length(self, size: int) -> int:
        found: int = LENGTH_STRUCTS[size].unpack(self.take(size))[0]
        return found

    def take(self, size: int) -> bytes:
        start, self.at = self.at, self.at + size
        if self.at > len(self.data):
            raise ValueError("The data end early.")
        return self.data[start : self.at]


def is_timestamp(data: bytes) -> bool:
    """Return whether these are a timestamp: seconds alone, or with nanoseconds of a second."""
    if len(data) == 8:
        return int.from_bytes(data, "big") >> 34 < NANOSECONDS_PER_SECOND
    if len(data) == 12:
        return int.from_bytes(data[:4], "big") < NANOSECONDS_PER_SECOND
    return len(data) == 4
