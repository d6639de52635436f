"""Values whose hashes collide on purpose: their work is bounded, not only their number."""

from __future__ import annotations

import pickle
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from itertools import product
from typing import Any

import msgpack
import pytest

from django_cachex.inspectors.values import ValueFormat, decode
from django_cachex.inspectors.values.decode import describe_object
from django_cachex.inspectors.values.pickle import read_pickle

COUNT = 9000
PRIME = sys.hash_info.modulus
"""Multiples of it have the hash 0."""


class Shell:
    """What stands for a container while it is pickled: making the container itself takes long."""

    def __init__(self, make: Any, *args: Any) -> None:
        self.make, self.args = make, args

    def __reduce__(self) -> Any:
        return self.make, self.args


def numbers(step: int) -> list[Any]:
    return [step * number for number in range(1, COUNT + 1)]


KINDS: dict[str, Callable[[list[Any]], list[Any]]] = {
    "integers": lambda found: found,
    "tuples": lambda found: [(one, 1) for one in found[: COUNT // 3]],
    "decimals": lambda found: [Decimal(one) for one in found[: COUNT // 2]],
    "frozensets": lambda found: [frozenset([one]) for one in found[: COUNT // 3]],
}

OPCODES_OF_A_SET = b"\x80\x04\x8f(%b\x90."
OPCODES_OF_A_FROZENSET = b"\x80\x04(%b\x91."
OPCODES_OF_A_DICT = b"\x80\x04}(%bu."


CONTAINERS = ["set", "frozenset", "dict", "a set of protocol 2"]


def body(value: Any) -> bytes:
    """Return the opcodes that push a value."""
    return pickle.dumps(value, 2)[2:-1]


def pickled(container: str, members: list[Any]) -> bytes:
    # Each is pickled by itself, so that no memo is shared.
    match container:
        case "set":
            return OPCODES_OF_A_SET % b"".join(map(body, members))
        case "frozenset":
            return OPCODES_OF_A_FROZENSET % b"".join(map(body, members))
        case "dict":
            return OPCODES_OF_A_DICT % b"".join(body(one) + b"N" for one in members)
        case _:
            return pickle.dumps(Shell(set, members), 2)


def cost(work: Callable[[], object]) -> float:
    """Return the seconds of CPU that something takes, the least of three."""
    taken = []
    for _attempt in range(3):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return min(taken)


@pytest.mark.parametrize(
    ("container", "kind"),
    [*((one, "integers") for one in CONTAINERS), *(("set", one) for one in KINDS)],
)
def test_members_that_collide_cost_no_more_than_others(container: str, kind: str) -> None:
    make = KINDS[kind]
    evil = pickled(container, make(numbers(PRIME)))
    benign = pickled(container, make(numbers(PRIME + 2)))
    value_format = ValueFormat("pickle", "pickle", pickle.dumps)
    assert cost(lambda: decode(evil, value_format=value_format)) < 4 * cost(
        lambda: decode(benign, value_format=value_format)
    )


def test_keys_of_messagepack_that_collide_cost_no_more() -> None:
    # Few numbers of 64 bits have one hash; of what is made of three of them, many.
    alike = [1 + PRIME * n for n in range(8)] + [2.0 ** (61 * n) for n in range(1, 8)]
    evil = packed_map(list(product(alike, repeat=3))[: COUNT // 3])
    benign = packed_map([(PRIME + n, PRIME, float(n)) for n in range(COUNT // 3)])
    value_format = ValueFormat("msgpack", "msgpack", msgpack.packb)
    assert cost(lambda: decode(evil, value_format=value_format)) < 4 * cost(
        lambda: decode(benign, value_format=value_format)
    )


def packed_map(keys: list[Any]) -> bytes:
    pairs = b"".join(msgpack.packb(key) + b"\xc0" for key in keys)
    return b"\xdf" + len(keys).to_bytes(4, "big") + pairs


def test_what_collides_is_shown_in_full() -> None:
    members = numbers(PRIME)[:100]
    found = read_pickle(pickled("set", members)).value
    assert found.name == "builtins.set"
    assert list(found.items) == members
    found = read_pickle(pickled("dict", members)).value
    assert found.name == "builtins.dict"
    assert [key for key, _value in found.pairs] == members


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_few_with_one_hash_are_a_set_as_ever(container: str) -> None:
    members = [-1, -2, 0, PRIME, 2 * PRIME, 1.5, "a", None, (1, 2)]
    found = read_pickle(pickled(container, members)).value
    expected = dict.fromkeys(members) if container == "dict" else set(members)
    assert found == expected


def test_a_live_set_that_collides_costs_no_more() -> None:
    evil, benign = set(numbers(PRIME)[:5000]), set(numbers(PRIME + 2)[:5000])
    assert cost(lambda: describe_object(evil)) < 4 * cost(lambda: describe_object(benign))
