"""Read MessagePack within limits. The package msgpack reads everything but the containers."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Final

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from django_cachex.inspectors.info import Text
from django_cachex.inspectors.values.tree import (
    CallNode,
    DecodeLimits,
    DictNode,
    Node,
    Reference,
    pair_up,
)

# The first bytes of containers.
ARRAY_TYPES: Final = frozenset((*range(0x90, 0xA0), 0xDC, 0xDD))
MAP_TYPES: Final = frozenset((*range(0x80, 0x90), 0xDE, 0xDF))

# The sizes of what precedes the data of an extension, by its first byte.
EXT_HEADER_SIZES: Final = {0xC7: 3, 0xC8: 4, 0xC9: 6}
FIXEXT_HEADER_SIZE: Final = 2

TIMESTAMP_CODE: Final = -1


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


def read_msgpack(data: bytes, decode_limits: DecodeLimits | None = None) -> tuple[Node, Text]:
    """Read exactly one value. Nothing is hashed, and memory isn't reserved for declared lengths.

    Returns:
        A graph for `to_tree`, and a sentence that explains why reading stopped early, or "".

    Raises:
        ValueError: the data is something else.
        ImportError: the package msgpack isn't installed.
    """
    msgpack = import_module("msgpack")
    try:
        return MsgPackReader(data, msgpack).read((decode_limits or DecodeLimits()).steps)
    except (IndexError, msgpack.OutOfData) as error:
        raise ValueError("The data ends early.") from error


class MsgPackReader:
    """Read containers without recursion. A value of any depth can be read in part."""

    def __init__(self, data: bytes, msgpack: Any) -> None:
        self.data = data
        self.msgpack = msgpack
        self.unpacker = msgpack.Unpacker(max_buffer_size=len(data))
        self.unpacker.feed(data)
        self.open_containers: list[OpenContainer] = []

    def read(self, steps: int) -> tuple[Node, Text]:
        for _step in range(steps):
            node = self.read_node()
            if isinstance(node, OpenContainer) and node.item_count:
                self.open_containers.append(node)
                continue
            value = self.add_value(node.build() if isinstance(node, OpenContainer) else node)
            if not self.open_containers:
                if self.unpacker.tell() != len(self.data):
                    raise ValueError("Something follows the value.")
                return value, ""
        while len(self.open_containers) > 1:
            unfinished = self.open_containers.pop().build()
            self.open_containers[-1].items.append(unfinished)
        return self.open_containers[0].build(), format_lazy(
            _("Only the first {count} parts are read."), count=f"{steps:,}"
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

    def read_node(self) -> Node:
        start = self.unpacker.tell()
        first = self.data[start]
        if first in ARRAY_TYPES:
            return self.open_container(self.unpacker.read_array_header(), is_map=False)
        if first in MAP_TYPES:
            return self.open_container(2 * self.unpacker.read_map_header(), is_map=True)
        value = self.unpacker.unpack()
        if type(value) is self.msgpack.Timestamp:
            header_size = EXT_HEADER_SIZES.get(first, FIXEXT_HEADER_SIZE)
            value = TIMESTAMP_CODE, self.data[start + header_size : self.unpacker.tell()]
        return CallNode(Reference("msgpack.ExtType"), value) if isinstance(value, tuple) else value

    def open_container(self, item_count: int, *, is_map: bool) -> OpenContainer:
        if item_count > len(self.data) - self.unpacker.tell():  # Each takes at least one byte.
            raise ValueError("The data ends early.")
        parent = self.open_containers[-1] if self.open_containers else None
        is_key = parent is not None and (
            parent.is_key or (parent.is_map and len(parent.items) % 2 == 0)
        )
        return OpenContainer(item_count, is_map, is_key)
