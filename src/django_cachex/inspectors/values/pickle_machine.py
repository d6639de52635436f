"""Follow the opcodes of a pickle without importing or calling anything."""

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

from django_cachex.inspectors.values.nodes import (
    CallNode,
    DictNode,
    Node,
    Reference,
    SetNode,
    make_reference,
    pair_up,
)

MAX_INT_DIGITS = 4300
MAX_DECODE_BYTES = 1024 * 1024


def max_int_digits() -> int:
    """Return the maximum number of decimal digits of integers to parse or format.

    The time for that grows with the square of their number. Python's limit is
    `sys.get_int_max_str_digits()`, where 0 means no limit; its default is the maximum here.
    """
    return min(sys.get_int_max_str_digits() or MAX_INT_DIGITS, MAX_INT_DIGITS)


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """Limits on the input and output of decoding."""

    size: int = MAX_DECODE_BYTES
    """Maximum size of the input, and of text and numbers in the output, in bytes."""

    steps: int = 100_000
    """Maximum number of opcodes."""

    nodes: int = 10_000
    """Maximum number of values in the output.

    Text keys of dicts don't count; shared values do each time.
    """

    depth: int = 50
    """Maximum nesting of containers in the output."""


DECIMAL_INTEGER = re.compile(rb"-?[0-9]+")


class DamagedPickle(ValueError):
    """The bytes aren't a complete pickle. `reason` is a sentence for the user."""

    def __init__(self, reason: str | Promise) -> None:
        super().__init__(reason)
        self.reason = reason


class TooManySteps(DamagedPickle):
    """The pickle has more opcodes than allowed. It isn't necessarily damaged."""


class PickleStream:
    """Read bytes from the start. A declared length never reserves memory."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def read(self, count: int) -> bytes:
        end = self.position + count
        if end > len(self.data):
            self.raise_ends_early()
        data = self.data[self.position : end]
        self.position = end
        return data

    def readline(self) -> bytes:
        """Return the bytes up to a line feed, without the line feed."""
        end = self.data.find(b"\n", self.position)
        if end < 0:
            self.raise_ends_early()
        data = self.data[self.position : end]
        self.position = end + 1
        return data

    def raise_ends_early(self) -> None:
        raise DamagedPickle(
            format_lazy(_("The pickle ends early, at byte {count}."), count=len(self.data))
        )


# Readers of arguments, named like the argument types of `pickletools`.


def read_nothing(stream: PickleStream) -> None:
    return None


def read_uint1(stream: PickleStream) -> int:
    return stream.read(1)[0]


def read_uint2(stream: PickleStream) -> int:
    return int.from_bytes(stream.read(2), "little")


def read_uint4(stream: PickleStream) -> int:
    return int.from_bytes(stream.read(4), "little")


def read_uint8(stream: PickleStream) -> int:
    return int.from_bytes(stream.read(8), "little")


def read_int4(stream: PickleStream) -> int:
    return int.from_bytes(stream.read(4), "little", signed=True)


def read_long1(stream: PickleStream) -> int:
    return int.from_bytes(stream.read(read_uint1(stream)), "little", signed=True)


def read_long4(stream: PickleStream) -> int:
    return int.from_bytes(stream.read(read_uint4(stream)), "little", signed=True)


def read_float8(stream: PickleStream) -> float:
    number: float = struct.unpack(">d", stream.read(8))[0]
    return number


def read_bytes1(stream: PickleStream) -> bytes:
    return stream.read(read_uint1(stream))


def read_bytes4(stream: PickleStream) -> bytes:
    return stream.read(read_uint4(stream))


def read_bytes8(stream: PickleStream) -> bytes:
    return stream.read(read_uint8(stream))


def read_bytearray8(stream: PickleStream) -> bytearray:
    return bytearray(read_bytes8(stream))


def read_str1(stream: PickleStream) -> str:
    return read_bytes1(stream).decode("utf-8", "surrogatepass")


def read_str4(stream: PickleStream) -> str:
    return read_bytes4(stream).decode("utf-8", "surrogatepass")


def read_str8(stream: PickleStream) -> str:
    return read_bytes8(stream).decode("utf-8", "surrogatepass")


def read_str_line(stream: PickleStream) -> str:
    return stream.readline().decode("raw_unicode_escape")


def parse_int_argument(digits: bytes) -> int:
    if len(digits) > max_int_digits() or not DECIMAL_INTEGER.fullmatch(digits):
        raise ValueError("not a decimal integer")
    return int(digits)


def read_int_line(stream: PickleStream) -> int:
    """Read an integer, or a boolean of protocols 0 and 1."""
    digits = stream.readline()
    return (
        {b"00": False, b"01": True}[digits]
        if digits in (b"00", b"01")
        else parse_int_argument(digits)
    )


def read_long_line(stream: PickleStream) -> int:
    return parse_int_argument(stream.readline().removesuffix(b"L"))


def read_float_line(stream: PickleStream) -> float:
    return float(stream.readline())


def read_name_line(stream: PickleStream) -> str:
    return stream.readline().decode()


def read_global(stream: PickleStream) -> tuple[str, str]:
    return read_name_line(stream), read_name_line(stream)


HIGHEST_PROTOCOL = 5

# Modules that protocols 0 to 2 reference by their names in Python 2.
PYTHON2_MODULES = {"__builtin__": "builtins", "copy_reg": "copyreg", "exceptions": "builtins"}


class PickleMachine:
    """Follow the opcodes of one pickle. `stack` and `marked_stacks` keep what isn't finished."""

    def __init__(self, data: bytes) -> None:
        self.stream = PickleStream(data)
        self.stack: list[Node] = []
        self.marked_stacks: list[list[Node]] = []
        self.memo: dict[int, Node] = {}
        self.seen_opcodes: set[int] = set()
        self.declared_protocol: int | None = None
        self.frame_end = 0

    @property
    def protocol(self) -> int:
        """The declared protocol, or else the lowest one that has all of the opcodes."""
        if self.declared_protocol is not None:
            return self.declared_protocol
        protocols = (op.proto for op in pickletools.opcodes if ord(op.code) in self.seen_opcodes)
        return max(protocols, default=0)

    def partial_result(self) -> Node:
        """Return the outermost value as far as it was built. Raises LookupError without one."""
        while self.marked_stacks:
            unfinished = self.stack
            self.stack = self.marked_stacks.pop()
            match self.stack:
                case [*_before, list() as items]:
                    items.extend(unfinished)
                case [*_before, DictNode(pairs=pairs)]:
                    pairs.extend(pair_up(unfinished[: len(unfinished) // 2 * 2]))
                case _:
                    self.stack.append(tuple(unfinished))
        return self.stack[0]

    # The stack.

    def push(self, node: Node) -> None:
        self.stack.append(node)

    def pop(self, _argument: None = None) -> Node:
        if not self.stack and self.marked_stacks:
            raise ValueError("a mark is in the way")
        return self.stack.pop()

    def pop_or_pop_mark(self, _argument: None) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.pop_mark()

    def push_top(self, _argument: None) -> None:
        self.push(self.stack[-1])

    def push_mark(self, _argument: None) -> None:
        self.marked_stacks.append(self.stack)
        self.stack = []

    def pop_mark(self, _argument: None = None) -> list[Node]:
        """Pop and return everything above the topmost mark."""
        above = self.stack
        self.stack = self.marked_stacks.pop()
        return above

    # The memo.

    def put(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    def memoize(self, _argument: None) -> None:
        self.put(len(self.memo))

    def get(self, index: int) -> None:
        self.push(self.memo[index])

    # Scalars and containers.

    def push_python2_str(self, characters: bytes) -> None:
        """Push a `str` of Python 2. ASCII becomes text, as in the application."""
        self.push(
            characters.decode()
            if characters.isascii()
            else CallNode(Reference("Python 2 str"), (characters,))
        )

    def push_python2_str_line(self, line: bytes) -> None:
        if len(line) < 2 or line[:1] not in b"'\"" or line[:1] != line[-1:]:
            raise ValueError("not in quotes")
        if b"\\" in line:
            self.push(CallNode(Reference("Python 2 str"), (line,)))
        else:
            self.push_python2_str(line[1:-1])

    def make_list(self, _argument: None) -> None:
        self.push(self.pop_mark())

    def make_tuple(self, _argument: None) -> None:
        self.push(tuple(self.pop_mark()))

    def make_dict(self, _argument: None) -> None:
        self.push(DictNode(pair_up(self.pop_mark())))

    def make_frozenset(self, _argument: None) -> None:
        self.push(SetNode(self.pop_mark(), frozen=True))

    def append(self, _argument: None) -> None:
        item = self.pop()
        self.extend([item])

    def appends(self, _argument: None) -> None:
        self.extend(self.pop_mark())

    def extend(self, items: list[Node]) -> None:
        match self.stack[-1]:
            case list() as target:
                target.extend(items)
            case CallNode(items=target):
                target.extend(items)
            case _:
                raise TypeError("not a list")

    def set_item(self, _argument: None) -> None:
        value, key = self.pop(), self.pop()
        self.update([(key, value)])

    def set_items(self, _argument: None) -> None:
        self.update(pair_up(self.pop_mark()))

    def update(self, pairs: list[tuple[Node, Node]]) -> None:
        match self.stack[-1]:
            case DictNode(pairs=target) | CallNode(pairs=target):
                target.extend(pairs)
            case _:
                raise TypeError("not a dict")

    def add_items(self, _argument: None) -> None:
        members = self.pop_mark()
        match self.stack[-1]:
            case SetNode(members=target, frozen=False) | CallNode(items=target):
                target.extend(members)
            case _:
                raise TypeError("not a set")

    # References and calls.

    def push_global(self, names: tuple[str, str]) -> None:
        module, name = names
        self.push(make_reference(PYTHON2_MODULES.get(module, module), name))

    def push_stack_global(self, _argument: None) -> None:
        name, module = self.pop(), self.pop()
        if type(name) is not str or type(module) is not str:
            raise TypeError("a name that is not text")
        self.push_global((module, name))

    def push_extension(self, code: int) -> None:
        # A private dict of code -> (module, name) that pickle imports but typeshed lacks.
        registered: dict[int, tuple[str, str]] = copyreg._inverted_registry  # type: ignore[attr-defined]
        self.push(make_reference(*registered.get(code, ("copyreg extension", str(code)))))

    def call(self, _argument: None) -> None:
        arguments, target = self.pop(), self.pop()
        if type(arguments) is not tuple:
            raise TypeError("arguments that are not a tuple")
        self.push(CallNode(target, arguments))

    def call_with_keywords(self, _argument: None) -> None:
        keywords = self.pop()
        if type(keywords) is not DictNode:
            raise TypeError("keyword arguments that are not a dict")
        self.call(None)
        self.stack[-1].keywords = keywords

    def call_from_mark(self, _argument: None) -> None:
        target, *arguments = self.pop_mark()
        self.push(CallNode(target, tuple(arguments)))

    def call_named(self, names: tuple[str, str]) -> None:
        arguments = tuple(self.pop_mark())
        self.push_global(names)
        self.push(CallNode(self.pop(), arguments))

    def set_state(self, _argument: None) -> None:
        state = self.pop()
        if type(self.stack[-1]) is not CallNode:
            raise TypeError("a state for something that has none")
        self.stack[-1].states.append(state)

    def push_persistent(self, identity: Node) -> None:
        self.push(CallNode(Reference("persistent_load"), (identity,)))

    def push_persistent_from_stack(self, _argument: None) -> None:
        self.push_persistent(self.pop())

    def push_buffer(self, _argument: None) -> None:
        self.push(Reference("out-of-band buffer"))

    # Protocol and frame.

    def set_protocol(self, protocol: int) -> None:
        self.declared_protocol = protocol
        if protocol > HIGHEST_PROTOCOL:
            raise DamagedPickle(
                format_lazy(_("There is no pickle protocol {protocol}."), protocol=protocol)
            )

    def note_frame(self, length: int) -> None:
        """Note the end of a frame. `pickle.loads` refuses truncated frames; these are read."""
        self.frame_end = max(self.frame_end, self.stream.position + length)

    def stop(self) -> Node:
        if self.frame_end > len(self.stream.data):
            self.stream.raise_ends_early()
        return self.pop()


OpcodeHandler = Callable[[PickleMachine, Any], object]
Opcode = tuple[Callable[[PickleStream], Any], OpcodeHandler]


def push_constant(make: Callable[[], Node]) -> Opcode:
    return read_nothing, lambda machine, _argument: machine.push(make())


def push_tuple(length: int) -> Opcode:
    def push(machine: PickleMachine, _argument: None) -> None:
        last_first = [machine.pop() for _item in range(length)]
        machine.push(tuple(reversed(last_first)))

    return read_nothing, push


SCALAR_OPCODES: dict[bytes, Opcode] = {
    pickle.NONE: push_constant(lambda: None),
    pickle.NEWTRUE: push_constant(lambda: True),
    pickle.NEWFALSE: push_constant(lambda: False),
    pickle.INT: (read_int_line, PickleMachine.push),
    pickle.BININT: (read_int4, PickleMachine.push),
    pickle.BININT1: (read_uint1, PickleMachine.push),
    pickle.BININT2: (read_uint2, PickleMachine.push),
    pickle.LONG: (read_long_line, PickleMachine.push),
    pickle.LONG1: (read_long1, PickleMachine.push),
    pickle.LONG4: (read_long4, PickleMachine.push),
    pickle.FLOAT: (read_float_line, PickleMachine.push),
    pickle.BINFLOAT: (read_float8, PickleMachine.push),
    pickle.STRING: (PickleStream.readline, PickleMachine.push_python2_str_line),
    pickle.BINSTRING: (read_bytes4, PickleMachine.push_python2_str),
    pickle.SHORT_BINSTRING: (read_bytes1, PickleMachine.push_python2_str),
    pickle.UNICODE: (read_str_line, PickleMachine.push),
    pickle.SHORT_BINUNICODE: (read_str1, PickleMachine.push),
    pickle.BINUNICODE: (read_str4, PickleMachine.push),
    pickle.BINUNICODE8: (read_str8, PickleMachine.push),
    pickle.SHORT_BINBYTES: (read_bytes1, PickleMachine.push),
    pickle.BINBYTES: (read_bytes4, PickleMachine.push),
    pickle.BINBYTES8: (read_bytes8, PickleMachine.push),
    pickle.BYTEARRAY8: (read_bytearray8, PickleMachine.push),
}

CONTAINER_OPCODES: dict[bytes, Opcode] = {
    pickle.EMPTY_LIST: push_constant(list),
    pickle.EMPTY_TUPLE: push_constant(tuple),
    pickle.EMPTY_DICT: push_constant(DictNode),
    pickle.EMPTY_SET: push_constant(lambda: SetNode([], frozen=False)),
    pickle.TUPLE1: push_tuple(1),
    pickle.TUPLE2: push_tuple(2),
    pickle.TUPLE3: push_tuple(3),
    pickle.LIST: (read_nothing, PickleMachine.make_list),
    pickle.TUPLE: (read_nothing, PickleMachine.make_tuple),
    pickle.DICT: (read_nothing, PickleMachine.make_dict),
    pickle.FROZENSET: (read_nothing, PickleMachine.make_frozenset),
    pickle.APPEND: (read_nothing, PickleMachine.append),
    pickle.APPENDS: (read_nothing, PickleMachine.appends),
    pickle.SETITEM: (read_nothing, PickleMachine.set_item),
    pickle.SETITEMS: (read_nothing, PickleMachine.set_items),
    pickle.ADDITEMS: (read_nothing, PickleMachine.add_items),
}

STACK_OPCODES: dict[bytes, Opcode] = {
    pickle.MARK: (read_nothing, PickleMachine.push_mark),
    pickle.POP: (read_nothing, PickleMachine.pop_or_pop_mark),
    pickle.POP_MARK: (read_nothing, PickleMachine.pop_mark),
    pickle.DUP: (read_nothing, PickleMachine.push_top),
    pickle.PUT: (read_int_line, PickleMachine.put),
    pickle.BINPUT: (read_uint1, PickleMachine.put),
    pickle.LONG_BINPUT: (read_uint4, PickleMachine.put),
    pickle.MEMOIZE: (read_nothing, PickleMachine.memoize),
    pickle.GET: (read_int_line, PickleMachine.get),
    pickle.BINGET: (read_uint1, PickleMachine.get),
    pickle.LONG_BINGET: (read_uint4, PickleMachine.get),
}

CALL_OPCODES: dict[bytes, Opcode] = {
    pickle.GLOBAL: (read_global, PickleMachine.push_global),
    pickle.STACK_GLOBAL: (read_nothing, PickleMachine.push_stack_global),
    pickle.EXT1: (read_uint1, PickleMachine.push_extension),
    pickle.EXT2: (read_uint2, PickleMachine.push_extension),
    pickle.EXT4: (read_int4, PickleMachine.push_extension),
    pickle.REDUCE: (read_nothing, PickleMachine.call),
    pickle.NEWOBJ: (read_nothing, PickleMachine.call),
    pickle.NEWOBJ_EX: (read_nothing, PickleMachine.call_with_keywords),
    pickle.OBJ: (read_nothing, PickleMachine.call_from_mark),
    pickle.INST: (read_global, PickleMachine.call_named),
    pickle.BUILD: (read_nothing, PickleMachine.set_state),
    pickle.PERSID: (read_name_line, PickleMachine.push_persistent),
    pickle.BINPERSID: (read_nothing, PickleMachine.push_persistent_from_stack),
    pickle.NEXT_BUFFER: (read_nothing, PickleMachine.push_buffer),
    # Makes a buffer read-only, which isn't shown.
    pickle.READONLY_BUFFER: (read_nothing, lambda machine, _argument: None),
}

FRAME_OPCODES: dict[bytes, Opcode] = {
    pickle.PROTO: (read_uint1, PickleMachine.set_protocol),
    pickle.FRAME: (read_uint8, PickleMachine.note_frame),
}

OPCODE_HANDLERS = SCALAR_OPCODES | CONTAINER_OPCODES | STACK_OPCODES | CALL_OPCODES | FRAME_OPCODES


def run_machine(machine: PickleMachine, steps: int) -> Node:
    """Return the graph of a pickle. Raises DamagedPickle if the pickle isn't complete."""
    for _step in range(steps):
        start = machine.stream.position
        code = machine.stream.read(1)
        try:
            if code == pickle.STOP:
                return machine.stop()
            machine.seen_opcodes.add(code[0])
            argument, handle = OPCODE_HANDLERS[code]
            handle(machine, argument(machine.stream))
        except DamagedPickle:
            raise
        except (LookupError, TypeError, ValueError) as senseless:
            raise DamagedPickle(
                format_lazy(_("The pickle is invalid at byte {position}."), position=start)
            ) from senseless
    raise TooManySteps(
        format_lazy(
            _("Only the beginning is shown: the first {count} steps of the pickle."),
            count=f"{steps:,}",
        )
    )
