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

from django_cachex.inspectors.values.json_safe import why_not_json
from django_cachex.inspectors.values.nodes import (
    Bag,
    Call,
    Cut,
    Node,
    Opaque,
    Pairs,
    Reason,
    Reference,
    Tree,
    are_hashed_well,
    refer,
)
from django_cachex.inspectors.values.pickle_machine import (
    Bounds,
    Damaged,
    Machine,
    TooLong,
    most_digits,
    run,
)


class Unknown(Exception):
    """The arguments are not those that the class writes itself."""


# Detours that pickles take to an object: taken on the graph.


def name_of(target: Node) -> str:
    """Return the dotted path of what a pickle would call, or "" if a call would tell."""
    match target:
        case Reference(name=name):
            return name
        case Call(Reference("builtins.getattr"), (Reference(owner), str() as name)):
            return refer(owner, name).name
        case _:
            return ""


def direct(call: Call) -> Call:
    """Return the call that `copyreg`'s and Django's helpers would make in the end."""
    target: Node
    arguments: tuple[Node, ...]
    match name_of(call.target), call.arguments:
        case "copyreg._reconstructor", (made, Reference("builtins.object"), _):
            target, arguments = made, ()
        case "copyreg._reconstructor", (made, _, value):
            target, arguments = made, (value,)
        case "copyreg.__newobj__", (made, *rest):
            target, arguments = made, tuple(rest)
        case "django.db.models.base.model_unpickle", ((str() as app, str() as model), *_):
            target, arguments = refer(app, model), ()
        case _:
            return call
    return replace(call, target=target, arguments=arguments)


# Values, from trees.


def encoded(opaque: Opaque) -> bytes:
    """Protocols 0 to 2 write bytes as Latin-1 text."""
    match opaque.args:
        case (str() as characters, "latin1"):
            return characters.encode("latin-1")
    raise Unknown


def octets(opaque: Opaque) -> bytes:
    if opaque.args:
        raise Unknown
    return b""


def byte_array(opaque: Opaque) -> bytearray:
    match opaque.args:
        case ():
            return bytearray()
        case (bytes() as content,):
            return bytearray(content)
    raise Unknown


def members(opaque: Opaque) -> list[Tree]:
    match opaque.args:
        case (list() as found,) if are_hashed_well(found):
            return found
    raise Unknown


def complex_number(opaque: Opaque) -> complex:
    match opaque.args:
        case (float() as real, float() as imaginary):
            return complex(real, imaginary)
    raise Unknown


def decimal_number(opaque: Opaque) -> Decimal:
    match opaque.args:
        case (str() as digits,):
            return Decimal(digits)
    raise Unknown


def uuid(opaque: Opaque) -> UUID:
    match opaque.states:
        case ({"int": int() as number},) if not (opaque.items or opaque.pairs):
            return UUID(int=number)
    raise Unknown


def duration(opaque: Opaque) -> timedelta:
    match opaque.args:
        case (int() as days, int() as seconds, int() as microseconds):
            return timedelta(days, seconds, microseconds)
    raise Unknown


def time_zone(opaque: Opaque) -> timezone:
    match opaque.args:
        case (timedelta() as offset,):
            return timezone(offset)
        case (timedelta() as offset, str() as name):
            return timezone(offset, name)
    raise Unknown


def day(opaque: Opaque) -> date:
    match opaque.args:
        case (bytes() as packed,) if len(packed) == 4:
            return date(int.from_bytes(packed[:2], "big"), packed[2], packed[3])
    raise Unknown


def clock(packed: bytes, zone: tzinfo | None) -> time:
    """Return a time of day packed in six bytes, the fold in the first one's highest bit."""
    if len(packed) != 6:
        raise Unknown
    hour, minute, second = packed[:3]
    microsecond = int.from_bytes(packed[3:], "big")
    return time(hour & 127, minute, second, microsecond, zone, fold=hour >> 7)


def fold(at: datetime | time) -> dict[str, Tree]:
    return {"fold": 1} if at.fold else {}


def zoned(opaque: Opaque, build: Callable[[bytes, tzinfo | None], datetime | time]) -> Tree:
    """Return a time in a zone; where the zone is opaque, the time as text beside it."""
    match opaque.args:
        case (bytes() as packed,):
            return build(packed, None)
        case (bytes() as packed, timezone() as zone):
            return build(packed, zone)
        case (bytes() as packed, Opaque() as zone):
            at = build(packed, None)
            return replace(opaque, args=(at.isoformat(), zone), keywords=fold(at))
    raise Unknown


def moment(packed: bytes, zone: tzinfo | None) -> datetime:
    """Return a date and time packed in ten bytes, the fold in the month's highest bit."""
    if len(packed) != 10:
        raise Unknown
    month = packed[2]
    at = clock(packed[4:], zone).replace(fold=month >> 7)
    return datetime.combine(date(int.from_bytes(packed[:2], "big"), month & 127, packed[3]), at)


def zone_info(opaque: Opaque) -> Opaque:
    """Name the zone; finding it would read files."""
    match opaque.args:
        case (str() as key, _):
            return Opaque("zoneinfo.ZoneInfo", (key,))
    raise Unknown


def deque(opaque: Opaque) -> Opaque:
    match opaque.args:
        case ((), int() as length):
            return replace(opaque, args=(), keywords={"maxlen": length})
    raise Unknown


VALUES: dict[str, Callable[[Opaque], Tree]] = {
    "_codecs.encode": encoded,
    "builtins.bytes": octets,
    "builtins.bytearray": byte_array,
    "builtins.complex": complex_number,
    "builtins.frozenset": lambda opaque: frozenset(members(opaque)),
    "builtins.set": lambda opaque: set(members(opaque)),
    "datetime.date": day,
    "datetime.datetime": lambda opaque: zoned(opaque, moment),
    "datetime.time": lambda opaque: zoned(opaque, clock),
    "datetime.timedelta": duration,
    "datetime.timezone": time_zone,
    "decimal.Decimal": decimal_number,
    "zoneinfo.ZoneInfo._unpickle": zone_info,
}

COMPLETED: dict[str, Callable[[Opaque], Tree]] = {
    "collections.deque": deque,
    "uuid.UUID": uuid,
}
"""Those whose content comes after the call."""


def rebuilt(opaque: Opaque) -> Tree:
    """Return the value that an opaque stands for if it is known, else the opaque."""
    changed = opaque.keywords or opaque.states or opaque.items or opaque.pairs
    build = COMPLETED.get(opaque.name) if changed else VALUES.get(opaque.name)
    if build is None:
        return opaque
    try:
        return build(opaque)
    except (Unknown, ArithmeticError, TypeError, ValueError):
        return opaque


class Walk:
    """One walk through a graph; `nodes` counts the values that came out."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.largest = 10 ** most_digits()
        self.nodes = 0
        self.size = 0
        self.within: set[int] = set()

    def visit(self, node: Node) -> Tree:
        """Return a node as a tree of its own, shared parts copied."""
        self.nodes += 1
        enter = CONTAINERS.get(type(node))
        if enter is None:
            return self.leaf(node)
        if id(node) in self.within:
            return Cut(Reason.RECURSIVE)
        if len(self.within) >= self.bounds.depth:
            return Cut(Reason.DEPTH)
        self.within.add(id(node))
        tree = enter(self, node)
        self.within.remove(id(node))
        return tree

    def leaf(self, node: Node) -> Tree:
        size = weight(node)
        if self.size + size > self.bounds.size:
            return Cut(Reason.SIZE, size)
        self.size += size
        # Comparing such an integer with a Decimal, as a dict does, takes minutes.
        if type(node) is int and abs(node) >= self.largest:
            return Opaque("builtins.int", (hex(node),))
        return node

    def visit_all(self, nodes: Sequence[Node]) -> list[Tree]:
        trees: list[Tree] = []
        for node in nodes:
            if self.nodes >= self.bounds.nodes:
                trees.append(Cut(Reason.NODES, len(nodes) - len(trees)))
                break
            trees.append(self.visit(node))
        return trees

    def visit_pairs(self, pairs: Sequence[tuple[Node, Node]]) -> list[tuple[Tree, Tree]]:
        trees: list[tuple[Tree, Tree]] = []
        for key, value in pairs:
            if self.nodes >= self.bounds.nodes:
                rest = Cut(Reason.NODES, len(pairs) - len(trees))
                trees.append((rest, rest))
                break
            trees.append((self.visit_key(key), self.visit(value)))
        return trees

    def visit_key(self, key: Node) -> Tree:
        return self.leaf(key) if type(key) is str else self.visit(key)

    # Containers.

    def enter_list(self, node: list[Node]) -> Tree:
        return self.visit_all(node)

    def enter_tuple(self, node: tuple[Node, ...]) -> Tree:
        return tuple(self.visit_all(node))

    def enter_dict(self, node: dict[str, Node]) -> Tree:
        return dict(self.visit_pairs(list(node.items())))

    def enter_pairs(self, node: Pairs) -> Tree:
        pairs = self.visit_pairs(node.pairs)
        if are_hashed_well([key for key, _value in pairs]):
            return dict(pairs)
        return Opaque("builtins.dict", pairs=tuple(pairs))

    def enter_bag(self, node: Bag) -> Tree:
        make: type[set[Tree] | frozenset[Tree]] = frozenset if node.frozen else set
        members = self.visit_all(node.members)
        if are_hashed_well(members):
            return make(members)
        return Opaque(f"builtins.{make.__name__}", items=tuple(members))

    def enter_call(self, node: Call) -> Tree:
        call = direct(node)
        name = name_of(call.target)
        arguments = call.arguments if name else (call.target, *call.arguments)
        return rebuilt(
            Opaque(
                name or "unknown",
                tuple(self.visit_all(arguments)),
                self.keywords(call.keywords),
                tuple(self.visit_all(call.states)),
                tuple(self.visit_all(call.items)),
                tuple(self.visit_pairs(call.pairs)),
            )
        )

    def keywords(self, node: Pairs) -> dict[str, Tree]:
        return {key: value for key, value in self.visit_pairs(node.pairs) if type(key) is str}


CONTAINERS: dict[type, Callable[[Walk, Any], Tree]] = {
    list: Walk.enter_list,
    tuple: Walk.enter_tuple,
    dict: Walk.enter_dict,
    Pairs: Walk.enter_pairs,
    Bag: Walk.enter_bag,
    Call: Walk.enter_call,
}


def weight(node: Node) -> int:
    """Return about how many bytes showing a leaf takes."""
    match node:
        case str() | bytes() | bytearray():
            return len(node)
        case Reference(name):
            return len(name)
        case int():
            return node.bit_length() // 8 + 1
        case _:
            return 8


def bounded(graph: Node, bounds: Bounds) -> tuple[Tree, int]:
    """Return a graph (or JSON's plain data) as a tree within the bounds, and its nodes' number."""
    walk = Walk(bounds)
    tree = walk.visit(graph)
    return tree, walk.nodes


@dataclass(frozen=True, slots=True)
class Pickled:
    """What a pickle holds."""

    protocol: int
    value: Tree
    """Where reading ended early, what was built until then: `Cut(DAMAGE)` if nothing was."""

    nodes: int
    """How many values were walked: those in `value` and those that a known one was made of."""

    ended: str | Promise = ""
    """A sentence saying where and why reading ended early, or ""."""

    damaged: bool = False
    """Whether it ended because the bytes are not a whole pickle."""

    why_not_json: str | Promise = ""
    """A sentence saying why the value is not exactly JSON's types, or ""."""

    @property
    def is_json(self) -> bool:
        """Whether the value is whole and of exactly the types that `json.loads` makes."""
        return not self.ended and not self.why_not_json


def read_pickle(data: bytes, bounds: Bounds | None = None) -> Pickled:
    """Return what any bytes hold, read as a pickle of protocol 0 to 5. Raises nothing.

    The opcodes are followed by a machine of our own rather than by a subclass of
    `pickle.Unpickler`, whose `find_class` is not asked about extension codes that were seen
    before, which reserves as much memory as a few bytes demand (`LONG_BINPUT`, `BYTEARRAY8`), and
    which hashes what it reads: a tuple of tuples a hundred deep takes years, and integers can be
    chosen to collide. The machine builds a graph of lists, tuples and labels in time proportional
    to the bytes read, and the walk that makes a tree of it stops at the bounds.

    Bytes after the pickle's end are ignored, as `pickle.loads` does.
    """
    bounds = bounds or Bounds()
    if len(data) > bounds.size:
        return Pickled(
            data[1] if data[:1] == b"\x80" else 0,
            Cut(Reason.SIZE, len(data)),
            0,
            format_lazy(
                _("Values of more than {count} bytes aren't read."), count=f"{bounds.size:,}"
            ),
            why_not_json=_("It is too large to be read."),
        )
    machine = Machine(data)
    try:
        graph = run(machine, bounds.steps)
    except Damaged as damaged:
        return salvaged(machine, bounds, damaged)
    tree, nodes = bounded(graph, bounds)
    return Pickled(machine.protocol, tree, nodes, why_not_json=why_not_json(tree))


def salvaged(machine: Machine, bounds: Bounds, ended: Damaged) -> Pickled:
    """Return what had been built when reading ended early."""
    try:
        tree, nodes = bounded(machine.salvage(), bounds)
    except LookupError:
        tree, nodes = Cut(Reason.DAMAGE), 0
    damaged = not isinstance(ended, TooLong)
    return Pickled(machine.protocol, tree, nodes, ended.reason, damaged, ended.reason)
