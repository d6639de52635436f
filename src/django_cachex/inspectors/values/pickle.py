"""Read a pickle without executing it."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from django_cachex.inspectors.values.json_safe import why_not_json
from django_cachex.inspectors.values.nodes import Cut, Reason, Tree
from django_cachex.inspectors.values.opcodes import Bounds, Damaged, TooLong
from django_cachex.inspectors.values.pickle_machine import Machine, run
from django_cachex.inspectors.values.tree_builder import bounded


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
            format_lazy(_("More than {count} bytes are not read."), count=f"{bounds.size:,}"),
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
