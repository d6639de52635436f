"""Read a pickle without executing it."""

from __future__ import annotations

import copyreg
import pickle
import pickletools
import re
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from django_cachex.inspectors.info import Text
from django_cachex.inspectors.values.parse import json_unsafe_reason
from django_cachex.inspectors.values.tree import (
    CallNode,
    DecodeLimits,
    DictNode,
    Node,
    Reference,
    SetNode,
    Tree,
    Truncated,
    TruncationReason,
    make_reference,
    max_int_digits,
    pair_up,
    to_tree,
)


class IncompletePickle(ValueError):
    """The pickle couldn't be read to its end. `reason` is a sentence for the user."""

    def __init__(self, reason: str | Promise) -> None:
        super().__init__(reason)
        self.reason = reason


class DamagedPickle(IncompletePickle):
    """The bytes aren't a complete pickle."""


class TooManySteps(IncompletePickle):
    """The pickle has more opcodes than allowed. What follows may be damaged or not."""


HIGHEST_PROTOCOL: Final = 5

# Modules that protocols 0 to 2 reference by their names in Python 2.
PYTHON2_MODULES: Final = {
    "__builtin__": "builtins",
    "copy_reg": "copyreg",
    "exceptions": "builtins",
}


class PickleMachine:
    """Follow the opcodes of one pickle without importing or calling anything.

    `stack` and `marked_stacks` keep what isn't finished.
    """

    def __init__(self, data: bytes) -> None:
        self.size = len(data)
        self.stream = BytesIO(data)
        self.stack: list[Node] = []
        self.marked_stacks: list[list[Node]] = []
        self.memo: dict[int, Node] = {}
        self.seen_opcodes: set[bytes] = set()
        self.declared_protocol: int | None = None
        self.frame_end = 0

    def run(self, steps: int) -> Node:
        """Return the graph of the pickle. Raises IncompletePickle if it wasn't read to its end."""
        stream, seen = self.stream, self.seen_opcodes
        for _step in range(steps):
            start = stream.tell()
            code = stream.read(1)
            try:
                if code == pickle.STOP:
                    return self.stop()
                read, handle = OPCODE_HANDLERS[code]
                seen.add(code)
                if handle is None:
                    self.stack.append(read(stream))
                elif read is None:
                    handle(self)
                else:
                    handle(self, read(stream))
            except DamagedPickle:
                raise
            except (LookupError, TypeError, ValueError) as error:
                if code != pickle.STOP and stream.tell() == self.size:
                    raise self.ends_early_error() from error
                raise DamagedPickle(
                    format_lazy(_("The pickle is invalid at byte {position}."), position=start)
                ) from error
        raise TooManySteps(
            format_lazy(
                _("Only the beginning is shown: the first {count} steps of the pickle."),
                count=f"{steps:,}",
            )
        )

    def stop(self) -> Node:
        if self.frame_end > self.size:
            raise self.ends_early_error()
        return self.stack.pop()

    def ends_early_error(self) -> DamagedPickle:
        return DamagedPickle(
            format_lazy(_("The pickle ends early, at byte {count}."), count=self.size)
        )

    @property
    def protocol(self) -> int:
        """The declared protocol, or else the lowest one that has all of the opcodes."""
        if self.declared_protocol is not None:
            return self.declared_protocol
        return max((OPCODE_PROTOCOLS[code] for code in self.seen_opcodes), default=0)

    def partial_result(self) -> Node:
        """Return the outermost value as far as it was built. Raises LookupError without one."""
        while self.marked_stacks:
            unfinished = self.pop_mark()
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

    def pop(self) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.pop_mark()

    def push_mark(self) -> None:
        self.marked_stacks.append(self.stack)
        self.stack = []

    def pop_mark(self) -> list[Node]:
        """Pop and return everything above the topmost mark."""
        above = self.stack
        self.stack = self.marked_stacks.pop()
        return above

    def pop_last(self, count: int) -> list[Node]:
        """Pop and return the last values above the topmost mark."""
        if len(self.stack) < count:
            raise LookupError("too few values")
        above = self.stack[-count:]
        del self.stack[-count:]
        return above

    # The memo.

    def put(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    def memoize(self) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def get(self, index: int) -> None:
        self.push(self.memo[index])

    # Scalars and containers.

    def push_python2_str(self, characters: str) -> None:
        """Push a `str` of Python 2. ASCII becomes text, as in the application."""
        self.push(
            characters
            if characters.isascii()
            else CallNode(Reference("Python 2 str"), (characters.encode("latin-1"),))
        )

    def push_python2_str_line(self, line: bytes) -> None:
        if len(line) < 2 or line[:1] not in b"'\"" or line[:1] != line[-1:]:
            raise ValueError("not in quotes")
        if b"\\" in line:
            self.push(CallNode(Reference("Python 2 str"), (line,)))
        else:
            self.push_python2_str(line[1:-1].decode("latin-1"))

    def push_tuple(self, length: int) -> None:
        self.push(tuple(self.pop_last(length)))

    def extend(self, items: list[Node]) -> None:
        match self.stack[-1]:
            case list() as target:
                target.extend(items)
            case CallNode(items=target):
                target.extend(items)
            case _:
                raise TypeError("not a list")

    def update(self, pairs: list[tuple[Node, Node]]) -> None:
        match self.stack[-1]:
            case DictNode(pairs=target) | CallNode(pairs=target):
                target.extend(pairs)
            case _:
                raise TypeError("not a dict")

    def add_items(self, members: list[Node]) -> None:
        match self.stack[-1]:
            case SetNode(members=target, frozen=False) | CallNode(items=target):
                target.extend(members)
            case _:
                raise TypeError("not a set")

    # References and calls.

    def push_global(self, names: tuple[str, str]) -> None:
        module, name = names
        self.push(make_reference(PYTHON2_MODULES.get(module, module), name))

    def push_stack_global(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if type(name) is not str or type(module) is not str:
            raise TypeError("a name that is not text")
        self.push_global((module, name))

    def push_extension(self, code: int) -> None:
        # A private dict of code -> (module, name) that pickle imports but typeshed lacks.
        registered: dict[int, tuple[str, str]] = copyreg._inverted_registry  # type: ignore[attr-defined]
        self.push(make_reference(*registered.get(code, ("copyreg extension", str(code)))))

    def call(self) -> None:
        arguments, target = self.stack.pop(), self.stack.pop()
        if type(arguments) is not tuple:
            raise TypeError("arguments that are not a tuple")
        self.push(CallNode(target, arguments))

    def call_with_keywords(self) -> None:
        keywords = self.stack.pop()
        if type(keywords) is not DictNode:
            raise TypeError("keyword arguments that are not a dict")
        self.call()
        self.stack[-1].keywords = keywords

    def call_from_mark(self) -> None:
        target, *arguments = self.pop_mark()
        self.push(CallNode(target, tuple(arguments)))

    def call_named(self, names: tuple[str, str]) -> None:
        arguments = tuple(self.pop_mark())
        self.push_global(names)
        self.push(CallNode(self.stack.pop(), arguments))

    def set_state(self) -> None:
        state = self.stack.pop()
        if type(self.stack[-1]) is not CallNode:
            raise TypeError("a state for something that has none")
        self.stack[-1].states.append(state)

    def push_persistent(self, identity: Node) -> None:
        self.push(CallNode(Reference("persistent_load"), (identity,)))

    # Protocol and frame.

    def set_protocol(self, protocol: int) -> None:
        self.declared_protocol = protocol
        if protocol > HIGHEST_PROTOCOL:
            raise DamagedPickle(
                format_lazy(_("There is no pickle protocol {protocol}."), protocol=protocol)
            )

    def remember_frame_end(self, length: int) -> None:
        """Remember where the frame ends.

        `stop` reports a truncated frame as damage; the values in it are still read.
        """
        self.frame_end = max(self.frame_end, self.stream.tell() + length)


# The readers of `pickletools` never reserve more memory than the data needs. Its line readers
# aren't used: they interpret escapes, and convert integers of any length in quadratic time.

ArgumentReader = Callable[[BytesIO], Any]
DECIMAL_INTEGER: Final = re.compile(rb"-?[0-9]+")


def read_line(stream: BytesIO) -> bytes:
    """Return the bytes up to a line feed, without the line feed."""
    line = stream.readline()
    if line[-1:] != b"\n":
        raise ValueError("no line feed")
    return line[:-1]


def read_text_line(stream: BytesIO) -> str:
    return read_line(stream).decode()


def read_global(stream: BytesIO) -> tuple[str, str]:
    return read_text_line(stream), read_text_line(stream)


def read_int_line(stream: BytesIO) -> int:
    """Read an integer, or a boolean of protocols 0 and 1."""
    digits = read_line(stream)
    return digits == b"01" if digits in (b"00", b"01") else parse_int_line(digits)


def read_long_line(stream: BytesIO) -> int:
    return parse_int_line(read_line(stream).removesuffix(b"L"))


def parse_int_line(digits: bytes) -> int:
    if len(digits) > max_int_digits() or not DECIMAL_INTEGER.fullmatch(digits):
        raise ValueError("not a decimal integer")
    return int(digits)


LINE_READERS: Final[dict[str, ArgumentReader]] = {
    **dict.fromkeys(("INT", "PUT", "GET"), read_int_line),
    **dict.fromkeys(("GLOBAL", "INST"), read_global),
    "LONG": read_long_line,
    "PERSID": read_text_line,
    "STRING": read_line,
}

Handler = Callable[..., object]


HANDLERS: Final[dict[str, Handler | None]] = {
    **dict.fromkeys(
        (
            *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
            *("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
            *("SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"),
        )
    ),
    "NONE": lambda machine: machine.stack.append(None),
    "NEWTRUE": lambda machine: machine.stack.append(True),
    "NEWFALSE": lambda machine: machine.stack.append(False),
    "STRING": PickleMachine.push_python2_str_line,
    **dict.fromkeys(("BINSTRING", "SHORT_BINSTRING"), PickleMachine.push_python2_str),
    # Containers.
    "EMPTY_LIST": lambda machine: machine.stack.append([]),
    "EMPTY_TUPLE": lambda machine: machine.stack.append(()),
    "EMPTY_DICT": lambda machine: machine.stack.append(DictNode()),
    "EMPTY_SET": lambda machine: machine.stack.append(SetNode([], frozen=False)),
    "TUPLE1": lambda machine: machine.push_tuple(1),
    "TUPLE2": lambda machine: machine.push_tuple(2),
    "TUPLE3": lambda machine: machine.push_tuple(3),
    "LIST": lambda machine: machine.push(machine.pop_mark()),
    "TUPLE": lambda machine: machine.push(tuple(machine.pop_mark())),
    "DICT": lambda machine: machine.push(DictNode(pair_up(machine.pop_mark()))),
    "FROZENSET": lambda machine: machine.push(SetNode(machine.pop_mark(), frozen=True)),
    "APPEND": lambda machine: machine.extend([machine.stack.pop()]),
    "APPENDS": lambda machine: machine.extend(machine.pop_mark()),
    "SETITEM": lambda machine: machine.update(pair_up(machine.pop_last(2))),
    "SETITEMS": lambda machine: machine.update(pair_up(machine.pop_mark())),
    "ADDITEMS": lambda machine: machine.add_items(machine.pop_mark()),
    # The stack and the memo.
    "MARK": PickleMachine.push_mark,
    "POP": PickleMachine.pop,
    "POP_MARK": PickleMachine.pop_mark,
    "DUP": lambda machine: machine.push(machine.stack[-1]),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), PickleMachine.put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), PickleMachine.get),
    "MEMOIZE": PickleMachine.memoize,
    # References and calls.
    "GLOBAL": PickleMachine.push_global,
    "STACK_GLOBAL": PickleMachine.push_stack_global,
    **dict.fromkeys(("EXT1", "EXT2", "EXT4"), PickleMachine.push_extension),
    **dict.fromkeys(("REDUCE", "NEWOBJ"), PickleMachine.call),
    "NEWOBJ_EX": PickleMachine.call_with_keywords,
    "OBJ": PickleMachine.call_from_mark,
    "INST": PickleMachine.call_named,
    "BUILD": PickleMachine.set_state,
    "PERSID": PickleMachine.push_persistent,
    "BINPERSID": lambda machine: machine.push_persistent(machine.stack.pop()),
    "NEXT_BUFFER": lambda machine: machine.push(Reference("out-of-band buffer")),
    # Makes a buffer read-only, which isn't shown.
    "READONLY_BUFFER": lambda machine: None,
    "PROTO": PickleMachine.set_protocol,
    "FRAME": PickleMachine.remember_frame_end,
}
"""What the opcodes do. Without a handler, the argument is pushed."""

OPCODE_HANDLERS: Final[dict[bytes, tuple[Any, Handler | None]]] = {
    opcode.code.encode("latin-1"): (
        LINE_READERS.get(opcode.name) or (opcode.arg.reader if opcode.arg else None),
        HANDLERS[opcode.name],
    )
    for opcode in pickletools.opcodes
    if opcode.name in HANDLERS
}

OPCODE_PROTOCOLS: Final = {
    opcode.code.encode("latin-1"): opcode.proto for opcode in pickletools.opcodes
}


@dataclass(frozen=True, slots=True)
class PickleContent:
    """The content of a pickle."""

    protocol: int
    value: Tree
    """The value. If reading stopped early, the part that was built, or `Truncated(DAMAGE)`."""

    node_count: int
    """The number of visited values, including those that known values were built from."""

    incomplete_reason: Text = ""
    """A sentence that explains where and why reading stopped early, or an empty string."""

    is_damaged: bool = False
    """Whether reading stopped because the pickle is invalid."""

    json_unsafe_reason: Text = ""
    """A sentence that explains why JSON can't represent the value, or an empty string."""

    @property
    def is_json(self) -> bool:
        """Whether the value is complete and only contains types that `json.loads` returns."""
        return not self.incomplete_reason and not self.json_unsafe_reason


def read_pickle(data: bytes, decode_limits: DecodeLimits | None = None) -> PickleContent:
    """Read any bytes as a pickle of protocols 0 to 5. Never raises an exception.

    `PickleMachine` builds a graph of lists, tuples and placeholders in time proportional to the
    number of bytes. `TreeBuilder` then builds a tree from it within the limits.

    A subclass of `pickle.Unpickler` would not be safe: `find_class` isn't called for extension
    codes that were seen before, a few bytes can reserve any amount of memory (`LONG_BINPUT`,
    `BYTEARRAY8`), and values are hashed, which can take years for nested tuples or chosen integers.

    Bytes after the end of the pickle are ignored, as `pickle.loads` does.
    """
    decode_limits = decode_limits or DecodeLimits()
    if len(data) > decode_limits.size:
        return PickleContent(
            data[1] if data[:1] == b"\x80" else 0,
            Truncated(TruncationReason.SIZE, len(data)),
            0,
            format_lazy(
                _("Values of more than {count} bytes aren't read."), count=f"{decode_limits.size:,}"
            ),
            json_unsafe_reason=_("It is too large to be read."),
        )
    machine = PickleMachine(data)
    try:
        graph = machine.run(decode_limits.steps)
    except IncompletePickle as error:
        return unfinished_content(machine, decode_limits, error)
    tree, nodes = to_tree(graph, decode_limits)
    return PickleContent(machine.protocol, tree, nodes, json_unsafe_reason=json_unsafe_reason(tree))


def unfinished_content(
    machine: PickleMachine, decode_limits: DecodeLimits, error: IncompletePickle
) -> PickleContent:
    """Return the part of the value that was built before reading stopped."""
    try:
        tree, nodes = to_tree(machine.partial_result(), decode_limits)
    except LookupError:
        tree, nodes = Truncated(TruncationReason.DAMAGE), 0
    is_damaged = isinstance(error, DamagedPickle)
    return PickleContent(machine.protocol, tree, nodes, error.reason, is_damaged, error.reason)
