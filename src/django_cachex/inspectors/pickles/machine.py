"""The stack machine that pickles are programs for, with every effect outside it left out.

It follows the data model of `pickle._Unpickler` and differs in what it has no means to do: it
imports nothing, calls nothing that a pickle names, runs no `__setstate__`, and reads extension
codes without the cache of real objects behind them (`pickle.Unpickler` returns those without asking
`find_class`, and would leave a placeholder in that cache for the application to find).
"""

from __future__ import annotations

import copyreg
import pickletools

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from django_cachex.inspectors.pickles.graph import (
    Bag,
    Call,
    Node,
    Pairs,
    Reference,
    in_pairs,
    refer,
)
from django_cachex.inspectors.pickles.stream import Damaged, Stream

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
            raise Damaged(format_lazy(_("Pickles have no protocol {protocol}."), protocol=protocol))

    def frame(self, length: int) -> None:
        """Note how far the bytes must reach; `pickle.loads` refuses less, we read what is there."""
        self.reach = max(self.reach, self.stream.position + length)

    def stop(self) -> Node:
        if self.reach > len(self.stream.data):
            self.stream.ends_early()
        return self.pop()
