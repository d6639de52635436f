"""From a graph, which may be endless, to a tree, which is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django_cachex.inspectors.pickles.bounds import Bounds, most_digits
from django_cachex.inspectors.pickles.graph import Bag, Call, Node, Pairs, Reference
from django_cachex.inspectors.pickles.known import direct, name_of, rebuilt
from django_cachex.inspectors.pickles.tree import Cut, Opaque, Reason, Tree, are_hashed_well


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
