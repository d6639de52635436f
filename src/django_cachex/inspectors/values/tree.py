"""Build a tree of limited size from the graph of a serialized value, or from objects."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

DEFAULT_MAX_INT_DIGITS: Final = 4300
MAX_DECODE_BYTES: Final = 1024 * 1024


def max_int_digits() -> int:
    """Return the maximum number of decimal digits of integers to parse or format.

    The time for that grows with the square of their number. Python's limit is
    `sys.get_int_max_str_digits()`, where 0 means no limit; its default is the maximum here.
    """
    return min(sys.get_int_max_str_digits() or DEFAULT_MAX_INT_DIGITS, DEFAULT_MAX_INT_DIGITS)


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """Limits on the input and output of decoding."""

    size: int = MAX_DECODE_BYTES
    """Maximum size of the input, and of text and numbers in the output, in bytes."""

    steps: int = 100_000
    """Maximum number of opcodes."""

    nodes: int = 10_000
    """Maximum number of values in the output.

    Text keys of dicts aren't counted. A shared value is counted each time it occurs.
    """

    depth: int = 50
    """Maximum nesting of containers in the output."""


# The graph.

Node = Any

MAX_REFERENCE_LENGTH: Final = 200


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """The name of a class or function in a pickle. It is neither imported nor looked up."""

    name: str
    """The dotted path, without unprintable characters."""


@dataclass(slots=True, eq=False)
class DictNode:
    """A dict: keys and values in the stored order."""

    pairs: list[tuple[Node, Node]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class SetNode:
    """A set or frozenset: members in the stored order."""

    members: list[Node]
    frozen: bool


@dataclass(slots=True, eq=False)
class CallNode:
    """The call that would create an object, and what would be done to the object afterwards."""

    target: Node
    arguments: tuple[Node, ...]
    keywords: DictNode = field(default_factory=DictNode)
    states: list[Node] = field(default_factory=list)
    items: list[Node] = field(default_factory=list)
    pairs: list[tuple[Node, Node]] = field(default_factory=list)


def make_reference(*names: str) -> Reference:
    """Return a reference to a module and name, with unprintable characters escaped."""
    name = ".".join(names)[:MAX_REFERENCE_LENGTH]
    return Reference(name if name.isprintable() else name.encode("unicode_escape").decode())


def pair_up(flat: Sequence[Node]) -> list[tuple[Node, Node]]:
    """Return pairs of alternating keys and values. Raises ValueError if a value is missing."""
    return list(zip(flat[::2], flat[1::2], strict=True))


# The tree.

Tree = Any
"""A value of exactly one of these types, or of the classes below.

`None`, `bool`, `int`, `float`, `complex`, `str`, `bytes`, `bytearray`, `list`, `tuple`, `dict`,
`set`, `frozenset`, the types of `datetime`, `Decimal`, `UUID`.
"""


# `UnresolvedObject` and `Truncated` compare by identity, so that they can be in sets and keys of
# dicts.


@dataclass(frozen=True, slots=True, eq=False)
class UnresolvedObject:
    """An object that isn't created: a tree that describes how the application would create it."""

    name: str
    """The class or function to call: a dotted path without unprintable characters."""

    args: tuple[Tree, ...] = ()
    keywords: Mapping[str, Tree] = field(default_factory=dict)
    states: tuple[Tree, ...] = ()
    """The arguments of `__setstate__` or the attributes. There is rarely more than one."""

    items: tuple[Tree, ...] = ()
    """The items to append or add to the object."""

    pairs: tuple[tuple[Tree, Tree], ...] = ()
    """The keys and values to set on the object."""


class TruncationReason(StrEnum):
    """Why a part of a value is missing."""

    RECURSIVE = "recursive"
    """The part is a container that contains itself."""

    DEPTH = "depth"
    NODES = "nodes"
    SIZE = "size"
    DAMAGE = "damage"
    """Nothing could be read."""


@dataclass(frozen=True, slots=True, eq=False)
class Truncated:
    """A placeholder for a missing part."""

    reason: TruncationReason
    count: int = 1
    """The number of missing values, or of bytes for `SIZE`."""


MAX_EQUAL_HASHES: Final = 8
"""Maximum number of keys with the same hash. A dict or set compares all of them with each other."""


def have_few_collisions(keys: Sequence[Tree]) -> bool:
    """Return whether keys can be put into a dict or set in linear time.

    Numbers, and values made of them, can be chosen to have the same hash.
    """
    try:
        hashes = sorted(hash(key) for key in keys if type(key) is not str)
    except TypeError:
        return False
    return all(one != other for one, other in zip(hashes, hashes[MAX_EQUAL_HASHES:], strict=False))


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


# Known classes, which are created from the arguments that they pickle themselves with.


def encode_latin1(characters: str, encoding: str) -> bytes:
    """Return bytes, which protocols 0 to 2 store as Latin-1 text."""
    if encoding != "latin1":
        raise ValueError("another encoding than pickle's")
    return characters.encode("latin-1")


def make_set(members: list[Tree]) -> set[Tree]:
    if not have_few_collisions(members):
        raise ValueError("members with the same hash, or without one")
    return set(members)


def make_date(state: bytes) -> date:
    # The constructors only check the month or the hour of a state; `replace` checks everything.
    # typeshed doesn't know that they take the state that pickles have.
    return date(state).replace()  # type: ignore[call-arg,arg-type]


def make_time(cls: Callable[..., Any], state: bytes, *zone: timezone | UnresolvedObject) -> Tree:
    """Return a time. If the zone is unresolved, keep both as arguments."""
    match zone:
        case (UnresolvedObject(),):
            naive = cls(state).replace()
            return UnresolvedObject(
                f"datetime.{type(naive).__name__}",
                (naive.isoformat(), *zone),
                {"fold": 1} if naive.fold else {},
            )
        case _:
            return cls(state, *zone).replace()


def make_zone(key: str, _from_cache: int) -> UnresolvedObject:
    """Return the name of a zone, because loading it would read files."""
    return UnresolvedObject("zoneinfo.ZoneInfo", (key,))


TIME_SIGNATURES: Final = ((bytes,), (bytes, timezone), (bytes, UnresolvedObject))

CONSTRUCTORS: Final[dict[str, tuple[Callable[..., Tree], tuple[tuple[type, ...], ...]]]] = {
    "_codecs.encode": (encode_latin1, ((str, str),)),
    "builtins.bytes": (bytes, ((),)),
    "builtins.bytearray": (bytearray, ((), (bytes,))),
    "builtins.complex": (complex, ((float, float),)),
    "builtins.frozenset": (lambda members: frozenset(make_set(members)), ((list,),)),
    "builtins.set": (make_set, ((list,),)),
    "datetime.date": (make_date, ((bytes,),)),
    "datetime.datetime": (lambda *state: make_time(datetime, *state), TIME_SIGNATURES),
    "datetime.time": (lambda *state: make_time(time, *state), TIME_SIGNATURES),
    "datetime.timedelta": (timedelta, ((int, int, int),)),
    "datetime.timezone": (timezone, ((timedelta,), (timedelta, str))),
    "decimal.Decimal": (Decimal, ((str,),)),
    "zoneinfo.ZoneInfo._unpickle": (make_zone, ((str, int), (str, bool))),
}
"""Functions for known classes, and the types of the arguments that they are called with."""


def rebuild(unresolved: UnresolvedObject) -> Tree:
    """Return the value of an object of a known class, otherwise the object itself."""
    if unresolved.keywords or unresolved.states or unresolved.items or unresolved.pairs:
        return rebuild_with_state(unresolved)
    make, signatures = CONSTRUCTORS.get(unresolved.name, (None, ()))
    if make is None or tuple(map(type, unresolved.args)) not in signatures:
        return unresolved
    try:
        return make(*unresolved.args)
    except (ArithmeticError, TypeError, ValueError):
        return unresolved


def rebuild_with_state(unresolved: UnresolvedObject) -> Tree:
    """Return the value of an object of a known class whose content is set after the call."""
    match unresolved:
        case UnresolvedObject("collections.deque", ((), int() as length)):
            return replace(unresolved, args=(), keywords={"maxlen": length})
        case UnresolvedObject(
            "uuid.UUID", states=({"int": int() as number},), items=(), pairs=()
        ) if number in range(1 << 128):
            return UUID(int=number)
        case _:
            return unresolved


class TreeBuilder:
    """Build a tree from a graph within limits. `nodes` counts the values of the tree."""

    def __init__(self, decode_limits: DecodeLimits) -> None:
        self.decode_limits = decode_limits
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
        if len(self.open_ids) >= self.decode_limits.depth:
            return Truncated(TruncationReason.DEPTH)
        self.open_ids.add(id(node))
        tree = build(self, node)
        self.open_ids.remove(id(node))
        return tree

    def build_leaf(self, node: Node) -> Tree:
        match node:
            case str() | bytes() | bytearray():
                size = len(node)
            case Reference(name=name):
                size = len(name)
            case int():
                size = node.bit_length() // 8 + 1
            case _:
                size = 8
        if self.size + size > self.decode_limits.size:
            return Truncated(TruncationReason.SIZE, size)
        self.size += size
        # Comparing such an integer with a Decimal, as a dict may do, takes minutes.
        if type(node) is int and abs(node) >= self.max_int:
            return UnresolvedObject("builtins.int", (hex(node),))
        return node

    def visit_all(self, nodes: Sequence[Node]) -> list[Tree]:
        trees: list[Tree] = []
        for node in nodes:
            if self.nodes >= self.decode_limits.nodes:
                trees.append(Truncated(TruncationReason.NODES, len(nodes) - len(trees)))
                break
            trees.append(self.visit(node))
        return trees

    def visit_pairs(self, pairs: Sequence[tuple[Node, Node]]) -> list[tuple[Tree, Tree]]:
        trees: list[tuple[Tree, Tree]] = []
        for key, value in pairs:
            if self.nodes >= self.decode_limits.nodes:
                rest = Truncated(TruncationReason.NODES, len(pairs) - len(trees))
                trees.append((rest, rest))
                break
            visit_key = self.build_leaf if type(key) is str else self.visit
            trees.append((visit_key(key), self.visit(value)))
        return trees

    # Containers.

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


CONTAINER_BUILDERS: Final[dict[type, Callable[[TreeBuilder, Any], Tree]]] = {
    list: TreeBuilder.visit_all,
    tuple: lambda builder, node: tuple(builder.visit_all(node)),
    dict: lambda builder, node: dict(builder.visit_pairs(list(node.items()))),
    DictNode: TreeBuilder.build_dict_node,
    SetNode: TreeBuilder.build_set,
    CallNode: TreeBuilder.build_call,
}


def to_tree(graph: Node, decode_limits: DecodeLimits) -> tuple[Tree, int]:
    """Return the tree of a graph or of plain data within limits, and its number of nodes."""
    builder = TreeBuilder(decode_limits)
    tree = builder.visit(graph)
    return tree, builder.nodes


PLAIN_TYPES: Final = frozenset(
    (
        *(type(None), bool, int, float, complex, str, bytes, bytearray),
        *(date, datetime, time, timedelta, timezone, Decimal, UUID),
    )
)
"""Types whose values can be formatted without running third-party code (subclasses excluded)."""

ZONE_TYPES: Final = frozenset((type(None), timezone, ZoneInfo))


class ObjectTreeBuilder(TreeBuilder):
    """Build a tree from objects. Objects of unknown classes are replaced by their class names."""

    def visit(self, node: Node) -> Tree:
        if type(node) in (set, frozenset):
            node = SetNode(list(node), frozen=type(node) is frozenset)
        return super().visit(node)

    def build_leaf(self, node: Node) -> Tree:
        cls = type(node)
        zone: tzinfo | None = node.tzinfo if cls in (datetime, time) else None
        if cls in PLAIN_TYPES and type(zone) in ZONE_TYPES:
            return super().build_leaf(node)
        return UnresolvedObject(f"{cls.__module__}.{cls.__qualname__}")
