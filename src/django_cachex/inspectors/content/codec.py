"""How the application behind an alias makes bytes of values."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from django_cachex.inspectors.content.compression import inflate
from django_cachex.inspectors.pickles import read_pickle

# Long and repetitive, so that a compressor with a threshold compresses it.
PROBE = {"probe": ["é", 1, -2.5, None, True, {}], "long": "x" * 10_000}
PROBE_SIZE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Codec:
    """How an alias's values are stored."""

    name: str
    """What to call it: the dotted path of the serializer."""

    kind: Literal["pickle", "json", "opaque"]
    """What the application reads stored bytes as; "opaque" where we do not know."""

    dumps: Callable[[Any], bytes | int]
    """The alias's own serializer (and compressor): every value stored goes through it."""

    loads_ints: bool = False
    """Whether decimal digits are read as an integer before anything else."""

    compression: str = ""
    """What the application opens first: "zlib", "gzip" or nothing."""


def recognise(name: str, dumps: Callable[[Any], bytes | str | int]) -> Codec:
    """Return the codec of a serializer, found out by serializing values of our own with it.

    Whatever is not recognised, or raises, is opaque.
    """
    serialize = as_bytes(dumps)
    try:
        stored, seven = serialize(PROBE), serialize(7)
    except Exception:
        # A serializer of unknown make may raise anything.
        return Codec(name, "opaque", serialize)
    if not isinstance(stored, bytes):
        return Codec(name, "opaque", serialize)
    inflated = inflate(stored, PROBE_SIZE)
    compression, plain = (inflated.name, inflated.data) if inflated else ("", stored)
    return Codec(name, kind_of(plain), serialize, isinstance(seven, int), compression)


def kind_of(probe: bytes) -> Literal["pickle", "json", "opaque"]:
    """Return what the serialized probe is."""
    pickled = read_pickle(probe)
    if pickled.is_json and pickled.value == PROBE:
        return "pickle"
    try:
        return "json" if json.loads(probe) == PROBE else "opaque"
    except ValueError:
        return "opaque"


def as_bytes(dumps: Callable[[Any], bytes | str | int]) -> Callable[[Any], bytes | int]:
    """Return `dumps` with text as UTF-8."""

    def serialize(value: Any) -> bytes | int:
        stored = dumps(value)
        return stored.encode() if isinstance(stored, str) else stored

    return serialize
