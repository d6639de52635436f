"""Read a pickle without executing it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from django_cachex.inspectors.values.json_safe import json_unsafe_reason
from django_cachex.inspectors.values.nodes import (
    CallNode,
    DictNode,
    Node,
    Reference,
    SetNode,
    Tree,
    Truncated,
    TruncationReason,
    UnresolvedObject,
    have_few_collisions,
    make_reference,
)
from django_cachex.inspectors.values.pickle_machine import (
    DamagedPickle,
    DecodeLimits,
    PickleMachine,
    TooManySteps,
    max_int_digits,
    run_machine,
)


class UnknownArguments(Exception):
    """The arguments differ from those that the class itself writes."""


# Helper functions that pickles call to create an object. They are resolved on the graph.


def target_name(target: Node) -> str:
    """Return the dotted path of the target of a call, or "" if only a call would return it."""
    match target:
        case Reference(name=name):
            return name
        case CallNode(Reference("builtins.getattr"), (Reference(owner), str() as name)):
            return make_reference(owner, name).name
        case _:
            return ""


def resolve_indirection(call: CallNode) -> CallNode:
    """Return the call that the helper functions of `copyreg` and Django would make."""
    target: Node
    arguments: tuple[Node, ...]
    match target_name(call.target), call.arguments:
        case "copyreg._reconstructor", (cls, Reference("builtins.object"), _):
            target, arguments = cls, ()
        case "copyreg._reconstructor", (cls, _, value):
            target, arguments = cls, (value,)
        case "copyreg.__newobj__", (cls, *rest):
            target, arguments = cls, tuple(rest)
        case "django.db.models.base.model_unpickle", ((str() as app, str() as model), *_):
            target, arguments = make_reference(app, model), ()
        case _:
            return call
    return replace(call, target=target, arguments=arguments)


# Builders of values from trees.


def build_latin1_bytes(unresolved: UnresolvedObject) -> bytes:
    """Return bytes, which protocols 0 to 2 store as Latin-1 text."""
    match unresolved.args:
        case (str() as characters, "latin1"):
            return characters.encode("latin-1")
    raise UnknownArguments


def build_empty_bytes(unresolved: UnresolvedObject) -> bytes:
    if unresolved.args:
        raise UnknownArguments
    return b""


def build_bytearray(unresolved: UnresolvedObject) -> bytearray:
    match unresolved.args:
        case ():
            return bytearray()
        case (bytes() as content,):
            return bytearray(content)
    raise UnknownArguments


def set_members(unresolved: UnresolvedObject) -> list[Tree]:
    match unresolved.args:
        case (list() as members,) if have_few_collisions(members):
            return members
    raise UnknownArguments


def build_complex(unresolved: UnresolvedObject) -> complex:
    match unresolved.args:
        case (float() as real, float() as imaginary):
            return complex(real, imaginary)
    raise UnknownArguments


def build_decimal(unresolved: UnresolvedObject) -> Decimal:
    match unresolved.args:
        case (str() as digits,):
            return Decimal(digits)
    raise UnknownArguments


def build_uuid(unresolved: UnresolvedObject) -> UUID:
    match unresolved.states:
        case ({"int": int() as number},) if not (unresolved.items or unresolved.pairs):
            return UUID(int=number)
    raise UnknownArguments


def build_timedelta(unresolved: UnresolvedObject) -> timedelta:
    match unresolved.args:
        case (int() as days, int() as seconds, int() as microseconds):
            return timedelta(days, seconds, microseconds)
    raise UnknownArguments


def build_timezone(unresolved: UnresolvedObject) -> timezone:
    match unresolved.args:
        case (timedelta() as offset,):
            return timezone(offset)
        case (timedelta() as offset, str() as name):
            return timezone(offset, name)
    raise UnknownArguments


def build_date(unresolved: UnresolvedObject) -> date:
    match unresolved.args:
        case (bytes() as packed,) if len(packed) == 4:
            return date(int.from_bytes(packed[:2], "big"), packed[2], packed[3])
    raise UnknownArguments


def build_time(packed: bytes, zone: tzinfo | None) -> time:
    """Return a time from six bytes. The highest bit of the first byte is the fold."""
    if len(packed) != 6:
        raise UnknownArguments
    hour, minute, second = packed[:3]
    microsecond = int.from_bytes(packed[3:], "big")
    return time(hour & 127, minute, second, microsecond, zone, fold=hour >> 7)


def fold_keyword(at: datetime | time) -> dict[str, Tree]:
    return {"fold": 1} if at.fold else {}


def build_with_zone(
    unresolved: UnresolvedObject, build: Callable[[bytes, tzinfo | None], datetime | time]
) -> Tree:
    """Return a time with a time zone. If the zone is unresolved, keep both as arguments."""
    match unresolved.args:
        case (bytes() as packed,):
            return build(packed, None)
        case (bytes() as packed, timezone() as zone):
            return build(packed, zone)
        case (bytes() as packed, UnresolvedObject() as zone):
            naive = build(packed, None)
            return replace(unresolved, args=(naive.isoformat(), zone), keywords=fold_keyword(naive))
    raise UnknownArguments


def build_datetime(packed: bytes, zone: tzinfo | None) -> datetime:
    """Return a date and time from ten bytes. The highest bit of the month is the fold."""
    if len(packed) != 10:
        raise UnknownArguments
    month = packed[2]
    at = build_time(packed[4:], zone).replace(fold=month >> 7)
    return datetime.combine(date(int.from_bytes(packed[:2], "big"), month & 127, packed[3]), at)


def build_zoneinfo(unresolved: UnresolvedObject) -> UnresolvedObject:
    """Return the name of the zone, because loading it would read files."""
    match unresolved.args:
        case (str() as key, _):
            return UnresolvedObject("zoneinfo.ZoneInfo", (key,))
    raise UnknownArguments


def build_deque(unresolved: UnresolvedObject) -> UnresolvedObject:
    match unresolved.args:
        case ((), int() as length):
            return replace(unresolved, args=(), keywords={"maxlen": length})
    raise UnknownArguments


BUILDERS: dict[str, Callable[[UnresolvedObject], Tree]] = {
    "_codecs.encode": build_latin1_bytes,
    "builtins.bytes": build_empty_bytes,
    "builtins.bytearray": build_bytearray,
    "builtins.complex": build_complex,
    "builtins.frozenset": lambda unresolved: frozenset(set_members(unresolved)),
    "builtins.set": lambda unresolved: set(set_members(unresolved)),
    "datetime.date": build_date,
    "datetime.datetime": lambda unresolved: build_with_zone(unresolved, build_datetime),
    "datetime.time": lambda unresolved: build_with_zone(unresolved, build_time),
    "datetime.timedelta": build_timedelta,
    "datetime.timezone": build_timezone,
    "decimal.Decimal": build_decimal,
    "zoneinfo.ZoneInfo._unpickle": build_zoneinfo,
}

STATE_BUILDERS: dict[str, Callable[[UnresolvedObject], Tree]] = {
    "collections.deque": build_deque,
    "uuid.UUID": build_uuid,
}
"""Builders for classes whose content follows the call."""


def rebuild(unresolved: UnresolvedObject) -> Tree:
    """Return the value of an object of a known class, otherwise the object itself."""
    changed = unresolved.keywords or unresolved.states or unresolved.items or unresolved.pairs
    build = STATE_BUILDERS.get(unresolved.name) if changed else BUILDERS.get(unresolved.name)
    if build is None:
        return unresolved
    try:
        return build(unresolved)
    except (UnknownArguments, ArithmeticError, TypeError, ValueError):
        return unresolved


class TreeBuilder:
    """Build a tree from a graph within limits. `nodes` counts the values of the tree."""

    def __init__(self, bounds: DecodeLimits) -> None:
        self.bounds = bounds
        self.max_int = 10 ** max_int_digits()
        self.nodes = 0
        self.size = 0
        self.open_ids: set[int] = set()

    def visit(self, node: Node) -> Tree:
        """Return the tree of a node. Shared parts are copied."""
        self.nodes += 1
        build = CONTAINER_BUILDERS.get(type(node))
        if build is None:
            return self.build_leaf(node)
        if id(node) in self.open_ids:
            return Truncated(TruncationReason.RECURSIVE)
        if len(self.open_ids) >= self.bounds.depth:
            return Truncated(TruncationReason.DEPTH)
        self.open_ids.add(id(node))
        tree = build(self, node)
        self.open_ids.remove(id(node))
        return tree

    def build_leaf(self, node: Node) -> Tree:
        size = displayed_size(node)
        if self.size + size > self.bounds.size:
            return Truncated(TruncationReason.SIZE, size)
        self.size += size
        # Comparing such an integer with a Decimal, as a dict may do, takes minutes.
        if type(node) is int and abs(node) >= self.max_int:
            return UnresolvedObject("builtins.int", (hex(node),))
        return node

    def visit_all(self, nodes: Sequence[Node]) -> list[Tree]:
        trees: list[Tree] = []
        for node in nodes:
            if self.nodes >= self.bounds.nodes:
                trees.append(Truncated(TruncationReason.NODES, len(nodes) - len(trees)))
                break
            trees.append(self.visit(node))
        return trees

    def visit_pairs(self, pairs: Sequence[tuple[Node, Node]]) -> list[tuple[Tree, Tree]]:
        trees: list[tuple[Tree, Tree]] = []
        for key, value in pairs:
            if self.nodes >= self.bounds.nodes:
                rest = Truncated(TruncationReason.NODES, len(pairs) - len(trees))
                trees.append((rest, rest))
                break
            trees.append((self.visit_key(key), self.visit(value)))
        return trees

    def visit_key(self, key: Node) -> Tree:
        return self.build_leaf(key) if type(key) is str else self.visit(key)

    # Containers.

    def build_list(self, node: list[Node]) -> Tree:
        return self.visit_all(node)

    def build_tuple(self, node: tuple[Node, ...]) -> Tree:
        return tuple(self.visit_all(node))

    def build_dict(self, node: dict[str, Node]) -> Tree:
        return dict(self.visit_pairs(list(node.items())))

    def build_dict_node(self, node: DictNode) -> Tree:
        pairs = self.visit_pairs(node.pairs)
        if have_few_collisions([key for key, _value in pairs]):
            return dict(pairs)
        return UnresolvedObject("builtins.dict", pairs=tuple(pairs))

    def build_set(self, node: SetNode) -> Tree:
        make: type[set[Tree] | frozenset[Tree]] = frozenset if node.frozen else set
        members = self.visit_all(node.members)
        if have_few_collisions(members):
            return make(members)
        return UnresolvedObject(f"builtins.{make.__name__}", items=tuple(members))

    def build_call(self, node: CallNode) -> Tree:
        call = resolve_indirection(node)
        name = target_name(call.target)
        arguments = call.arguments if name else (call.target, *call.arguments)
        return rebuild(
            UnresolvedObject(
                name or "unknown",
                tuple(self.visit_all(arguments)),
                self.build_keywords(call.keywords),
                tuple(self.visit_all(call.states)),
                tuple(self.visit_all(call.items)),
                tuple(self.visit_pairs(call.pairs)),
            )
        )

    def build_keywords(self, node: DictNode) -> dict[str, Tree]:
        return {key: value for key, value in self.visit_pairs(node.pairs) if type(key) is str}


CONTAINER_BUILDERS: dict[type, Callable[[TreeBuilder, Any], Tree]] = {
    list: TreeBuilder.build_list,
    tuple: TreeBuilder.build_tuple,
    dict: TreeBuilder.build_dict,
    DictNode: TreeBuilder.build_dict_node,
    SetNode: TreeBuilder.build_set,
    CallNode: TreeBuilder.build_call,
}


def displayed_size(node: Node) -> int:
    """Return the approximate size of a leaf for display, in bytes."""
    match node:
        case str() | bytes() | bytearray():
            return len(node)
        case Reference(name):
            return len(name)
        case int():
            return node.bit_length() // 8 + 1
        case _:
            return 8


def to_tree(graph: Node, bounds: DecodeLimits) -> tuple[Tree, int]:
    """Return the tree of a graph or of plain data within limits, and its number of nodes."""
    builder = TreeBuilder(bounds)
    tree = builder.visit(graph)
    return tree, builder.nodes


@dataclass(frozen=True, slots=True)
class PickleContent:
    """The content of a pickle."""

    protocol: int
    value: Tree
    """The value. If reading stopped early, the part that was built, or `Truncated(DAMAGE)`."""

    node_count: int
    """The number of visited values, including those that known values were built from."""

    incomplete_reason: str | Promise = ""
    """A sentence that explains where and why reading stopped early, or an empty string."""

    is_damaged: bool = False
    """Whether reading stopped because the pickle is invalid."""

    json_unsafe_reason: str | Promise = ""
    """A sentence that explains why JSON can't represent the value, or an empty string."""

    @property
    def is_json(self) -> bool:
        """Whether the value is complete and only contains types that `json.loads` returns."""
        return not self.incomplete_reason and not self.json_unsafe_reason


def read_pickle(data: bytes, bounds: DecodeLimits | None = None) -> PickleContent:
    """Read any bytes as a pickle of protocols 0 to 5. Never raises an exception.

    `PickleMachine` builds a graph of lists, tuples and placeholders in time proportional to the
    number of bytes. `TreeBuilder` then builds a tree from it within the limits.

    A subclass of `pickle.Unpickler` would not be safe: `find_class` isn't called for extension
    codes that were seen before, a few bytes can reserve any amount of memory (`LONG_BINPUT`,
    `BYTEARRAY8`), and values are hashed, which can take years for nested tuples or chosen integers.

    Bytes after the end of the pickle are ignored, as `pickle.loads` does.
    """
    bounds = bounds or DecodeLimits()
    if len(data) > bounds.size:
        return PickleContent(
            data[1] if data[:1] == b"\x80" else 0,
            Truncated(TruncationReason.SIZE, len(data)),
            0,
            format_lazy(
                _("Values of more than {count} bytes aren't read."), count=f"{bounds.size:,}"
            ),
            json_unsafe_reason=_("It is too large to be read."),
        )
    machine = PickleMachine(data)
    try:
        graph = run_machine(machine, bounds.steps)
    except DamagedPickle as damaged:
        return partial_content(machine, bounds, damaged)
    tree, nodes = to_tree(graph, bounds)
    return PickleContent(machine.protocol, tree, nodes, json_unsafe_reason=json_unsafe_reason(tree))


def partial_content(
    machine: PickleMachine, bounds: DecodeLimits, stopped: DamagedPickle
) -> PickleContent:
    """Return the part of the value that was built before reading stopped."""
    try:
        tree, nodes = to_tree(machine.partial_result(), bounds)
    except LookupError:
        tree, nodes = Truncated(TruncationReason.DAMAGE), 0
    damaged = not isinstance(stopped, TooManySteps)
    return PickleContent(machine.protocol, tree, nodes, stopped.reason, damaged, stopped.reason)
