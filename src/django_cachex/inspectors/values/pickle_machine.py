"""Read the opcodes of a pickle without importing or calling anything."""

from __future__ import annotations

import copyreg
import pickle
import pickletools
import re
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from django_cachex.inspectors.values.nodes import Bag, Call, Node, Pairs, Reference, in_pairs, refer

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


HIGHEST_PROTOCOL = 5

# The modules that protocols 0 to 2 name as Python 2 did.
RENAMED = {"__builtin__": "builtins", "copy_reg": "copyreg", "exceptions": "builtins"}


class Machine:
    """One run over one pickle; afterwards `stack` and `marked` hold what was not finished."""

    def __init__(self, data: bytes) -> None:
        self.stream = Stream(data)
        self.stack: list[Node] = []
        self.marked: list[list[Node]] = []
        self.memo: dict[int, Node] = {}
        self.codes: set[int] = set()
        self.declared: int | None = None
        self.reach = 0

    @property
    def protocol(self) -> int:
        """The protocol that the pickle declares, or else the one its opcodes need."""
        if self.declared is not None:
            return self.declared
        protocols = (op.proto for op in pickletools.opcodes if ord(op.code) in self.codes)
        return max(protocols, default=0)

    def salvage(self) -> Node:
        """Return the outermost value as far as it was built; LookupError if there is none."""
        while self.marked:
            unfinished = self.stack
            self.stack = self.marked.pop()
            match self.stack:
                case [*_before, list() as items]:
                    items.extend(unfinished)
                case [*_before, Pairs(pairs=pairs)]:
                    pairs.extend(in_pairs(unfinished[: len(unfinished) // 2 * 2]))
                case _:
                    self.stack.append(tuple(unfinished))
        return self.stack[0]

    # The stack.

    def push(self, node: Node) -> None:
        self.stack.append(node)

    def pop(self, _argument: None = None) -> Node:
        if not self.stack and self.marked:
            raise ValueError("a mark is in the way")
        return self.stack.pop()

    def discard(self, _argument: None) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.pop_mark()

    def duplicate(self, _argument: None) -> None:
        self.push(self.stack[-1])

    def mark(self, _argument: None) -> None:
        self.marked.append(self.stack)
        self.stack = []

    def pop_mark(self, _argument: None = None) -> list[Node]:
        """Return everything above the topmost mark and remove both."""
        above = self.stack
        self.stack = self.marked.pop()
        return above

    # The memo.

    def remember(self, place: int) -> None:
        self.memo[place] = self.stack[-1]

    def memoize(self, _argument: None) -> None:
        self.remember(len(self.memo))

    def recall(self, place: int) -> None:
        self.push(self.memo[place])

    # Scalars and containers.

    def old_text(self, characters: bytes) -> None:
        """Push a `str` of Python 2: text where it is ASCII, as the application would read it."""
        self.push(
            characters.decode()
            if characters.isascii()
            else Call(Reference("Python 2 str"), (characters,))
        )

    def old_text_line(self, line: bytes) -> None:
        if len(line) < 2 or line[:1] not in b"'\"" or line[:1] != line[-1:]:
            raise ValueError("not in quotes")
        if b"\\" in line:
            self.push(Call(Reference("Python 2 str"), (line,)))
        else:
            self.old_text(line[1:-1])

    def make_list(self, _argument: None) -> None:
        self.push(self.pop_mark())

    def make_tuple(self, _argument: None) -> None:
        self.push(tuple(self.pop_mark()))

    def make_dict(self, _argument: None) -> None:
        self.push(Pairs(in_pairs(self.pop_mark())))

    def make_frozenset(self, _argument: None) -> None:
        self.push(Bag(self.pop_mark(), frozen=True))

    def append(self, _argument: None) -> None:
        item = self.pop()
        self.extend([item])

    def appends(self, _argument: None) -> None:
        self.extend(self.pop_mark())

    def extend(self, items: list[Node]) -> None:
        match self.stack[-1]:
            case list() as target:
                target.extend(items)
            case Call(items=target):
                target.extend(items)
            case _:
                raise TypeError("not a list")

    def set_item(self, _argument: None) -> None:
        value, key = self.pop(), self.pop()
        self.update([(key, value)])

    def set_items(self, _argument: None) -> None:
        self.update(in_pairs(self.pop_mark()))

    def update(self, pairs: list[tuple[Node, Node]]) -> None:
        match self.stack[-1]:
            case Pairs(pairs=target) | Call(pairs=target):
                target.extend(pairs)
            case _:
                raise TypeError("not a dict")

    def add_items(self, _argument: None) -> None:
        members = self.pop_mark()
        match self.stack[-1]:
            case Bag(members=target, frozen=False) | Call(items=target):
                target.extend(members)
            case _:
                raise TypeError("not a set")

    # Names and what would be called.

    def refer(self, names: tuple[str, str]) -> None:
        module, name = names
        self.push(refer(RENAMED.get(module, module), name))

    def refer_from_stack(self, _argument: None) -> None:
        name, module = self.pop(), self.pop()
        if type(name) is not str or type(module) is not str:
            raise TypeError("a name that is not text")
        self.refer((module, name))

    def refer_by_extension(self, code: int) -> None:
        # typeshed leaves out this dict of code -> (module, name) that pickle itself imports.
        registered: dict[int, tuple[str, str]] = copyreg._inverted_registry  # type: ignore[attr-defined]
        self.push(refer(*registered.get(code, ("copyreg extension", str(code)))))

    def call(self, _argument: None) -> None:
        arguments, target = self.pop(), self.pop()
        if type(arguments) is not tuple:
            raise TypeError("arguments that are not a tuple")
        self.push(Call(target, arguments))

    def call_with_keywords(self, _argument: None) -> None:
        keywords = self.pop()
        if type(keywords) is not Pairs:
            raise TypeError("keyword arguments that are not a dict")
        self.call(None)
        self.stack[-1].keywords = keywords

    def call_from_mark(self, _argument: None) -> None:
        target, *arguments = self.pop_mark()
        self.push(Call(target, tuple(arguments)))

    def call_named(self, names: tuple[str, str]) -> None:
        arguments = tuple(self.pop_mark())
        self.refer(names)
        self.push(Call(self.pop(), arguments))

    def build(self, _argument: None) -> None:
        state = self.pop()
        if type(self.stack[-1]) is not Call:
            raise TypeError("a state for something that has none")
        self.stack[-1].states.append(state)

    def persistent(self, identity: Node) -> None:
        self.push(Call(Reference("persistent_load"), (identity,)))

    def persistent_from_stack(self, _argument: None) -> None:
        self.persistent(self.pop())

    def buffer(self, _argument: None) -> None:
        self.push(Reference("out-of-band buffer"))

    # The frame around it all.

    def declare(self, protocol: int) -> None:
        self.declared = protocol
        if protocol > HIGHEST_PROTOCOL:
            raise Damaged(
                format_lazy(_("There is no pickle protocol {protocol}."), protocol=protocol)
            )

    def frame(self, length: int) -> None:
        """Note how far the bytes must reach; `pickle.loads` refuses less, we read what is there."""
        self.reach = max(self.reach, self.stream.position + length)

    def stop(self) -> Node:
        if self.reach > len(self.stream.data):
            self.stream.ends_early()
        return self.pop()


Act = Callable[[Machine, Any], object]
Opcode = tuple[Callable[[Stream], Any], Act]


def pushing(make: Callable[[], Node]) -> Opcode:
    return nothing, lambda machine, _argument: machine.push(make())


def pushing_tuple(length: int) -> Opcode:
    def push(machine: Machine, _argument: None) -> None:
        last_first = [machine.pop() for _item in range(length)]
        machine.push(tuple(reversed(last_first)))

    return nothing, push


SCALARS: dict[bytes, Opcode] = {
    pickle.NONE: pushing(lambda: None),
    pickle.NEWTRUE: pushing(lambda: True),
    pickle.NEWFALSE: pushing(lambda: False),
    pickle.INT: (int_line, Machine.push),
    pickle.BININT: (int4, Machine.push),
    pickle.BININT1: (uint1, Machine.push),
    pickle.BININT2: (uint2, Machine.push),
    pickle.LONG: (long_line, Machine.push),
    pickle.LONG1: (long1, Machine.push),
    pickle.LONG4: (long4, Machine.push),
    pickle.FLOAT: (float_line, Machine.push),
    pickle.BINFLOAT: (float8, Machine.push),
    pickle.STRING: (Stream.line, Machine.old_text_line),
    pickle.BINSTRING: (bytes4, Machine.old_text),
    pickle.SHORT_BINSTRING: (bytes1, Machine.old_text),
    pickle.UNICODE: (text_line, Machine.push),
    pickle.SHORT_BINUNICODE: (text1, Machine.push),
    pickle.BINUNICODE: (text4, Machine.push),
    pickle.BINUNICODE8: (text8, Machine.push),
    pickle.SHORT_BINBYTES: (bytes1, Machine.push),
    pickle.BINBYTES: (bytes4, Machine.push),
    pickle.BINBYTES8: (bytes8, Machine.push),
    pickle.BYTEARRAY8: (bytearray8, Machine.push),
}

CONTAINERS: dict[bytes, Opcode] = {
    pickle.EMPTY_LIST: pushing(list),
    pickle.EMPTY_TUPLE: pushing(tuple),
    pickle.EMPTY_DICT: pushing(Pairs),
    pickle.EMPTY_SET: pushing(lambda: Bag([], frozen=False)),
    pickle.TUPLE1: pushing_tuple(1),
    pickle.TUPLE2: pushing_tuple(2),
    pickle.TUPLE3: pushing_tuple(3),
    pickle.LIST: (nothing, Machine.make_list),
    pickle.TUPLE: (nothing, Machine.make_tuple),
    pickle.DICT: (nothing, Machine.make_dict),
    pickle.FROZENSET: (nothing, Machine.make_frozenset),
    pickle.APPEND: (nothing, Machine.append),
    pickle.APPENDS: (nothing, Machine.appends),
    pickle.SETITEM: (nothing, Machine.set_item),
    pickle.SETITEMS: (nothing, Machine.set_items),
    pickle.ADDITEMS: (nothing, Machine.add_items),
}

STACK: dict[bytes, Opcode] = {
    pickle.MARK: (nothing, Machine.mark),
    pickle.POP: (nothing, Machine.discard),
    pickle.POP_MARK: (nothing, Machine.pop_mark),
    pickle.DUP: (nothing, Machine.duplicate),
    pickle.PUT: (int_line, Machine.remember),
    pickle.BINPUT: (uint1, Machine.remember),
    pickle.LONG_BINPUT: (uint4, Machine.remember),
    pickle.MEMOIZE: (nothing, Machine.memoize),
    pickle.GET: (int_line, Machine.recall),
    pickle.BINGET: (uint1, Machine.recall),
    pickle.LONG_BINGET: (uint4, Machine.recall),
}

CALLS: dict[bytes, Opcode] = {
    pickle.GLOBAL: (name_lines, Machine.refer),
    pickle.STACK_GLOBAL: (nothing, Machine.refer_from_stack),
    pickle.EXT1: (uint1, Machine.refer_by_extension),
    pickle.EXT2: (uint2, Machine.refer_by_extension),
    pickle.EXT4: (int4, Machine.refer_by_extension),
    pickle.REDUCE: (nothing, Machine.call),
    pickle.NEWOBJ: (nothing, Machine.call),
    pickle.NEWOBJ_EX: (nothing, Machine.call_with_keywords),
    pickle.OBJ: (nothing, Machine.call_from_mark),
    pickle.INST: (name_lines, Machine.call_named),
    pickle.BUILD: (nothing, Machine.build),
    pickle.PERSID: (name_line, Machine.persistent),
    pickle.BINPERSID: (nothing, Machine.persistent_from_stack),
    pickle.NEXT_BUFFER: (nothing, Machine.buffer),
    # It makes a buffer read-only, which does not show.
    pickle.READONLY_BUFFER: (nothing, lambda machine, _argument: None),
}

FRAME: dict[bytes, Opcode] = {
    pickle.PROTO: (uint1, Machine.declare),
    pickle.FRAME: (uint8, Machine.frame),
}

OPCODES = SCALARS | CONTAINERS | STACK | CALLS | FRAME


def run(machine: Machine, steps: int) -> Node:
    """Return the graph that a pickle describes; raise Damaged where it is not a whole pickle."""
    for _step in range(steps):
        start = machine.stream.position
        code = machine.stream.take(1)
        try:
            if code == pickle.STOP:
                return machine.stop()
            machine.codes.add(code[0])
            argument, act = OPCODES[code]
            act(machine, argument(machine.stream))
        except Damaged:
            raise
        except (LookupError, TypeError, ValueError) as senseless:
            raise Damaged(
                format_lazy(_("The pickle is invalid at byte {position}."), position=start)
            ) from senseless
    raise TooLong(
        format_lazy(
            _("Only the beginning is shown: the first {count} steps of the pickle."),
            count=f"{steps:,}",
        )
    )
