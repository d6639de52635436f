"""How the application behind an alias makes bytes of values."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from django_cachex.cache.codec import BytesCompressor, ValueCodec
from django_cachex.cache.serializers import PickleSerializer
from django_cachex.inspectors.content.compression import inflate
from django_cachex.inspectors.content.packed import read_packed
from django_cachex.inspectors.pickles import Bounds, bounded, read_pickle

Format = Literal["pickle", "json", "msgpack", "opaque"]

# Long and repetitive, so that a compressor with a threshold compresses it.
PROBE = {"probe": ["é", 1, -2.5, None, True, {}], "long": "x" * 10_000}
PROBE_SIZE = 1024 * 1024

GUARDED = f"{PickleSerializer.__module__}.{PickleSerializer.__qualname__}"


@dataclass(frozen=True, slots=True)
class Codec:
    """How an alias's values are stored."""

    name: str
    """What to call it: the dotted path of the serializer; empty for what went through none."""

    kind: Format
    """What the application reads stored bytes as; "opaque" where we do not know."""

    dumps: Callable[[Any], bytes | int]
    """The alias's own serializer (and compressor): every value stored goes through it."""

    loads_ints: bool = False
    """Whether decimal digits are read as an integer before anything else."""

    compression: str = ""
    """What the application opens first, as it compresses so itself: "zlib", …, or nothing."""

    reads: tuple[Format, ...] = ()
    """What else it can read, besides `kind`."""

    opens: tuple[str, ...] = ()
    """What else it can open, besides `compression`."""

    is_guarded: bool = False
    """Whether it reads no pickle of the protocols 0 and 1."""

    def takes(self, other: Codec) -> bool:
        """Return whether it reads whatever is stored through `other`, which has its serializer."""
        return (
            self.name == other.name
            and set(other.reads) <= {self.kind, *self.reads}
            and {other.compression, *other.opens} <= {"", self.compression, *self.opens}
        )


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
    return Codec(
        name,
        kind_of(plain),
        serialize,
        isinstance(seven, int),
        compression,
        is_guarded=name == GUARDED,
    )


def recognise_all(codec: ValueCodec, dumps: Callable[[Any], bytes | str | int]) -> Codec:
    """Return the codec of several serializers and compressors, of which the first write."""
    first, *others = (recognise(path(one), one.dumps) for one in codec.serializers)
    return replace(
        first,
        dumps=as_bytes(dumps),
        loads_ints=first.loads_ints or any(one.loads_ints for one in others),
        reads=tuple(one.kind for one in others if one.kind != "opaque"),
        opens=tuple(filter(None, map(compression_of, codec.compressors))),
    )


def path(serializer: object) -> str:
    """Return the dotted path of a serializer's class."""
    kind = type(serializer)
    return f"{kind.__module__}.{kind.__qualname__}"


def compression_of(compressor: BytesCompressor) -> str:
    """Return the name of what a compressor makes, found out by compressing; "" for a stranger's."""
    try:
        opened = inflate(compressor.compress(b"probe"), PROBE_SIZE)
    except Exception:
        # A compressor of unknown make may raise anything.
        return ""
    return opened.name if opened and opened.data == b"probe" else ""


def kind_of(probe: bytes) -> Format:
    """Return what the serialized probe is."""
    pickled = read_pickle(probe)
    if pickled.is_json and pickled.value == PROBE:
        return "pickle"
    for kind, read in READERS.items():
        try:
            if read(probe) == PROBE:
                return kind
        except ValueError:
            continue
    return "opaque"


def plain_of(data: bytes) -> Any:
    return bounded(read_packed(data).value, Bounds())[0]


READERS: dict[Format, Callable[[bytes], Any]] = {"json": json.loads, "msgpack": plain_of}


def as_bytes(dumps: Callable[[Any], bytes | str | int]) -> Callable[[Any], bytes | int]:
    """Return `dumps` with text as UTF-8."""

    def serialize(value: Any) -> bytes | int:
        stored = dumps(value)
        return stored.encode() if isinstance(stored, str) else stored

    return serialize
