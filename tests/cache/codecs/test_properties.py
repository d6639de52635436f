"""What is set is what is got, or the set raises and nothing is stored."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import CacheKeyWarning
from django.test.utils import ignore_warnings
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from django_cachex.cache import ValkeyCache
from django_cachex.cache.codecs import make_serializer
from django_cachex.cache.serializers import parse_decimal
from django_cachex.commands.args import INT64
from tests.cache.codecs.changes import SERIALIZERS, Refused, alike, changed
from tests.cache.conftest import url
from tests.servers import Server

COMPRESSORS = ("zlib", "gzip", "lzma", "lz4", "zstd")
MISSING = object()

integers = st.one_of(
    st.integers(),
    st.integers(min_value=-5, max_value=5).flatmap(
        lambda near: st.sampled_from([2**63, -(2**63), 2**64, 0, 48]).map(lambda far: far + near)
    ),
)
texts = st.text(st.characters(codec="utf-8"), max_size=20)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    integers,
    st.floats(),
    texts,
    st.text(max_size=5),  # Halves of surrogate pairs among them.
    st.binary(max_size=20),
    st.sampled_from(["long " * 200, b"\x78\x9c" * 200, "x^2", "7", b"7"]),
)
finite = st.floats(allow_nan=False, allow_infinity=False)
keys_of_dicts = st.one_of(
    *(texts, texts, integers, finite, st.booleans(), st.none(), st.binary(max_size=5)),
    st.tuples(integers, texts),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(texts, inner, max_size=4),
        st.dictionaries(keys_of_dicts, inner, max_size=3),
    ),
    max_leaves=12,
)

codecs = st.fixed_dictionaries(
    {
        "serializer": st.permutations(SERIALIZERS).flatmap(
            lambda names: st.integers(1, len(names)).map(lambda count: names[:count])
        )
    },
    optional={
        "compressor": st.permutations(COMPRESSORS).flatmap(
            lambda names: st.tuples(st.integers(1, len(names)), st.integers(0, 300)).map(
                lambda chosen: [(names[0], {"min_size": chosen[1]}), *names[1 : chosen[0]]]
            )
        )
    },
)

some = settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
many = settings(some, max_examples=5000)


@pytest.fixture(scope="module")
def server(valkey_process: Server) -> Server:
    return valkey_process


def held(server: Server, options: dict[str, Any], key: str, version: int, value: Any) -> None:
    """Assert that one value is stored exactly, as documented, or not at all."""
    cache = ValkeyCache(url(server, database=9), {"OPTIONS": options})
    cache.delete(key, version=version)
    try:
        expected = changed(options["serializer"][0], value)
    except Refused:
        with pytest.raises((TypeError, ValueError, OverflowError)):
            cache.set(key, value, version=version)
        assert cache.get(key, MISSING, version=version) is MISSING
        return
    cache.set(key, value, version=version)
    assert alike(cache.get(key, MISSING, version=version), expected)
    assert alike(cache.get_many([key], version=version)[key], expected)
    if type(value) is int and value in INT64:
        assert cache.strlen(key, version=version) == len(str(value))


@some
@given(codecs, st.text(max_size=30), st.integers(0, 10**6), values)
@ignore_warnings(category=CacheKeyWarning)
def test_what_is_set_is_what_is_got(
    server: Server, options: dict[str, Any], key: str, version: int, value: Any
) -> None:
    held(server, options, key, version, value)


@pytest.mark.slow
@many
@given(codecs, st.text(max_size=30), st.integers(0, 10**6), values)
@ignore_warnings(category=CacheKeyWarning)
def test_what_is_set_is_what_is_got_over_and_over(
    server: Server, options: dict[str, Any], key: str, version: int, value: Any
) -> None:
    held(server, options, key, version, value)


@some
@given(codecs, values)
def test_whatever_writes_first_is_read_by_whoever_reads_it_at_all(
    server: Server, options: dict[str, Any], value: Any
) -> None:
    first, *others = options["serializer"]
    compressor, *more = options.get("compressor", [None])
    old = {"serializer": first, "compressor": compressor}
    new = {"serializer": [*others, first], "compressor": [*more, compressor or "zlib"]}
    address = url(server, database=9)
    before, after = (ValkeyCache(address, {"OPTIONS": one}) for one in (old, new))
    try:
        expected = changed(first, value)
    except Refused:
        return
    before.set("moved", value)
    assert alike(after.get("moved"), expected)


GROUPS = {
    "pickle": ["pickle"],
    "json": ["json", "orjson"],
    "orjson": ["json", "orjson"],
    "msgpack": ["msgpack", "ormsgpack"],
    "ormsgpack": ["msgpack", "ormsgpack"],
}
MADE = {name: make_serializer({"serializer": name}) for name in SERIALIZERS}


@some
@given(st.sampled_from(SERIALIZERS), values)
@example("msgpack", {1: 2, 46: 0, **dict.fromkeys(range(47, 57), 46)})
@example("msgpack", "a full stop.")
def test_what_one_format_is_no_other_takes(serializer: str, value: Any) -> None:
    try:
        changed(serializer, value)
    except Refused:
        return
    data = MADE[serializer].dumps(value)
    if isinstance(data, int) or (isinstance(data, bytes) and parse_decimal(data) is not None):
        return  # Numbers in decimal are for all.
    takers = [name for name in SERIALIZERS if MADE[name].recognizes(data)]  # type: ignore[attr-defined]
    assert takers == GROUPS[serializer]
