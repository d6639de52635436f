"""Read MessagePack. See https://github.com/msgpack/msgpack/blob/master/spec.md"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final

from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from django_cachex.inspectors.values.nodes import CallNode, DictNode, Node, Reference, pair_up
from django_cachex.inspectors.values.pickle_machine import DecodeLimits

CONSTANTS: Final[dict[int, Node]] = {0xC0: None, 0xC2: False, 0xC3: True}
NUMBER_STRUCTS: Final = {
    first: struct.Struct(f">{form}")
    for first, form in zip(range(0xCA, 0xD4), "fdBHIQbhiq", strict=True)
}
LENGTH_STRUCTS: Final = {1: struct.Struct(">B"), 2: struct.Struct(">H"), 4: struct.Struct(">I")}

# First bytes, mapped to the number of bytes of the length that follows.
BIN_TYPES: Final = {0xC4: 1, 0xC5: 2, 0xC6: 4}
EXT_TYPES: Final = {0xC7: 1, 0xC8: 2, 0xC9: 4}
STR_TYPES: Final = {0xD9: 1, 0xDA: 2, 0xDB: 4}
ARRAY_TYPES: Final = {0xDC: 2, 0xDD: 4}
MAP_TYPES: Final = {0xDE: 2, 0xDF: 4}
# First bytes of extensions, mapped to their lengths.
FIXEXT_TYPES: Final = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}

TIMESTAMP_CODE: Final = -1
"""The type of the only predefined extension. Lower numbers are reserved."""

NANOSECONDS_PER_SECOND: Final = 10**9


@dataclass(frozen=True, slots=True)
class MsgPackValue:
    """A value as a graph, for `to_tree`."""

    value: Node
    incomplete_reason: str | Promise = ""
    """A sentence that explains why reading stopped early, or an empty string."""


@dataclass(slots=True)
class OpenContainer:
    """An array or map that is being read. In a map, keys and values alternate."""

    item_count: int
    is_map: bool
    is_key: bool
    """Whether the container is part of the key of a map, so that an array becomes a tuple."""

    items: list[Node] = field(default_factory=list)

    def build(self) -> Node:
        if self.is_map:
            return DictNode(pair_up(self.items[: len(self.items) // 2 * 2]))
        return tuple(self.items) if self.is_key else self.items


def read_msgpack(data: bytes, bounds: DecodeLimits | None = None) -> MsgPackValue:
    """Read exactly one value. Raises ValueError for other data."""
    return MsgPackReader(data).read((bounds or DecodeLimits()).steps)


class MsgPackReader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0
        self.open_containers: list[OpenContainer] = []

    def read(self, steps: int) -> MsgPackValue:
        for _step in range(steps):
            node = self.read_node()
            if isinstance(node, OpenContainer) and node.item_count:
                self.open_containers.append(node)
                continue
            value = self.add_value(node.build() if isinstance(node, OpenContainer) else node)
            if not self.open_containers:
                if self.position != len(self.data):
                    raise ValueError("Something follows the value.")
                return MsgPackValue(value)
        return MsgPackValue(
            self.partial_value(),
            format_lazy(_("Only the first {count} parts are read."), count=f"{steps:,}"),
        )

    def add_value(self, value: Node) -> Node:
        """Add a value to the innermost container and close complete containers.

        Returns the last value.
        """
        while self.open_containers:
            container = self.open_containers[-1]
            container.items.append(value)
            if len(container.items) < container.item_count:
                break
            value = self.open_containers.pop().build()
        return value

    def partial_value(self) -> Node:
        """Return what has been read, with all containers closed."""
        value = self.open_containers.pop().build()
        while self.open_containers:
            self.open_containers[-1].items.append(value)
            value = self.open_containers.pop().build()
        return value

    def read_node(self) -> Node:
        first = self.read_bytes(1)[0]
        if first < 0x80:
            return first
        if first >= 0xE0:
            return first - 0x100
        if first < 0xC0:
            return self.read_fix_type(first)
        return self.read_type(first)

    def read_fix_type(self, first: int) -> Node:
        if first < 0x90:
            return self.open_container(first & 0x0F, is_map=True)
        if first < 0xA0:
            return self.open_container(first & 0x0F, is_map=False)
        return self.read_bytes(first & 0x1F).decode()

    def read_type(self, first: int) -> Node:
        if first in CONSTANTS:
            return CONSTANTS[first]
        if first in NUMBER_STRUCTS:
            form = NUMBER_STRUCTS[first]
            return form.unpack(self.read_bytes(form.size))[0]
        if first in STR_TYPES:
            return self.read_bytes(self.read_length(STR_TYPES[first])).decode()
        if first in BIN_TYPES:
            return self.read_bytes(self.read_length(BIN_TYPES[first]))
        if first in ARRAY_TYPES:
            return self.open_container(self.read_length(ARRAY_TYPES[first]), is_map=False)
        if first in MAP_TYPES:
            return self.open_container(self.read_length(MAP_TYPES[first]), is_map=True)
        return self.read_extension(first)

    def read_extension(self, first: int) -> Node:
        if first in FIXEXT_TYPES:
            size = FIXEXT_TYPES[first]
        elif first in EXT_TYPES:
            size = self.read_length(EXT_TYPES[first])
        else:
            raise ValueError("There is no such type.")
        [code] = struct.unpack(">b", self.read_bytes(1))
        data = self.read_bytes(size)
        if code < TIMESTAMP_CODE or (code == TIMESTAMP_CODE and not is_timestamp(data)):
            raise ValueError("msgpack refuses such an extension.")
        return CallNode(Reference("msgpack.ExtType"), (code, data))

    def open_container(self, length: int, *, is_map: bool) -> OpenContainer:
        item_count = length * 2 if is_map else length
        if item_count > len(self.data) - self.position:  # Each item takes at least one byte.
            raise ValueError("The data end early.")
        parent = self.open_containers[-1] if self.open_containers else None
        is_key = parent is not None and (
            parent.is_key or (parent.is_map and len(parent.items) % 2 == 0)
        )
        return OpenContainer(item_count, is_map, is_key)

    def read_length(self, size: int) -> int:
        length: int = LENGTH_STRUCTS[size].unpack(self.read_bytes(size))[0]
        return length

    def read_bytes(self, size: int) -> bytes:
        start, self.position = self.position, self.position + size
        if self.position > len(self.data):
            raise ValueError("The data end early.")
        return self.data[start : self.position]


def is_timestamp(data: bytes) -> bool:
    """Return whether the data are a valid timestamp of 4, 8 or 12 bytes."""
    if len(data) == 8:
        return int.from_bytes(data, "big") >> 34 < NANOSECONDS_PER_SECOND
    if len(data) == 12:
        return int.from_bytes(data[:4], "big") < NANOSECONDS_PER_SECOND
    return len(data) == 4
