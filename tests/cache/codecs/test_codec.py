"""Several serializers and compressors as one: who reads what, and what stays plain."""

from __future__ import annotations

import json
import pickle
import tracemalloc
import zlib
from typing import Any

import pytest

from django_cachex.cache import ValkeyCache
from django_cachex.cache.codecs import (
    COMPRESSOR,
    SERIALIZER,
    CompositeSerializer,
    UnreadableValue,
    make_serializer,
)
from django_cachex.cache.compressors import Compressor, DecompressedTooLarge, ZlibCompressor
from django_cachex.cache.serializers import JSONSerializer, PickleSerializer
from tests.cache.codecs.changes import Whole, alike
from tests.cache.conftest import MakeCache, url
from tests.servers import Server

LONG = {"text": "long " * 1000}


@pytest.fixture(params=COMPRESSOR.paths)
def compressor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=SERIALIZER.paths)
def serializer(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def only(compressor: str, **options: Any) -> Compressor:
    [made] = make_serializer({"compressor": (compressor, options)}).compressors  # type: ignore[attr-defined]
    assert isinstance(made, Compressor)
    return made


class Upside:
    """A stranger's serializer, whose text may begin like anything."""

    def dumps(self, obj: Any) -> str:
        return str(obj)[::-1]

    def loads(self, data: bytes) -> str:
        return data.decode()[::-1]


# Integers


@pytest.mark.parametrize("number", [0, -1, 48, 57, 2**63 - 1, -(2**63)])
def test_integers_are_counted_with_whatever_the_codec(
    make_cache: MakeCache, serializer: str, number: int
) -> None:
    cache = make_cache(
        OPTIONS={"serializer": [serializer, "pickle"], "compressor": ("zlib", {"min_size": 0})}
    )
    cache.set("n", number)
    assert cache.getrange("n", 0, -1) == b"%d" % number
    assert cache.get("n") == number
    step = -1 if number > 0 else 1
    assert cache.incr("n", step) == number + step
    assert cache.get("n") == number + step


def test_booleans_and_subclasses_are_serialized(serializer: str) -> None:
    codec = make_serializer({"serializer": serializer})
    for value in (True, False, Whole.A):
        stored = codec.dumps(value)
        assert not isinstance(stored, int)
        assert codec.loads(stored) == value
    assert codec.loads(codec.dumps(True)) is True


@pytest.mark.parametrize("digit", range(48, 58))
def test_a_number_of_an_enumeration_is_not_taken_for_a_digit(digit: int) -> None:
    class Number(int):
        pass

    for name in ("msgpack", "ormsgpack"):
        codec = make_serializer({"serializer": name})
        assert codec.loads(codec.dumps(Number(digit))) == digit


# Compression


def test_what_is_compressed_takes_less_and_comes_back(
    make_cache: MakeCache, compressor: str
) -> None:
    cache = make_cache(OPTIONS={"compressor": compressor})
    cache.set("long", LONG)
    assert cache.strlen("long") < 300
    assert cache.get("long") == LONG
    assert cache.get_many(["long"]) == {"long": LONG}


def test_what_is_too_small_to_gain_stays_plain_and_is_read(compressor: str) -> None:
    codec = make_serializer({"compressor": compressor})
    for value in ("", "short", b"\x78\x9c", list(range(30))):
        stored = codec.dumps(value)
        assert stored == pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        assert codec.loads(stored) == value


def test_what_does_not_get_smaller_stays_plain(compressor: str) -> None:
    noise = bytes((number * number * 7919 >> 5) % 256 for number in range(100))
    codec = make_serializer({"compressor": (compressor, {"min_size": 0})})
    stored = codec.dumps(noise)
    assert stored == pickle.dumps(noise, pickle.HIGHEST_PROTOCOL)
    assert codec.loads(stored) == noise


def test_plain_compressed_and_foreign_values_mix(valkey_server: Server) -> None:
    caches = [
        ValkeyCache(url(valkey_server), {"OPTIONS": options})
        for options in (
            {},
            {"compressor": "zlib"},
            {"serializer": "json"},
            {"serializer": "msgpack", "compressor": "lz4"},
        )
    ]
    for number, cache in enumerate(caches):
        cache.set_many({f"long{number}": LONG, f"short{number}": [number], f"n{number}": number})
    reader = ValkeyCache(
        url(valkey_server),
        {"OPTIONS": {"serializer": ["json", "pickle", "msgpack"], "compressor": ["lz4", "zlib"]}},
    )
    for number in range(4):
        assert reader.get(f"long{number}") == LONG
        assert reader.get_many([f"short{number}", f"n{number}"]) == {
            f"short{number}": [number],
            f"n{number}": number,
        }


@pytest.mark.parametrize("text", ["x^2 + y^2", "x\x01", "x^2" * 500, "\x1f\x8b"])
def test_plain_text_that_begins_like_compressed_data_comes_back(text: str) -> None:
    codec = CompositeSerializer([Upside()], [only("zlib")])
    for value in (text, text[::-1]):
        assert codec.loads(codec.dumps(value)) == value


def test_what_begins_like_compressed_data_and_is_not_is_read_as_it_is() -> None:
    codec = CompositeSerializer([Upside()], [only("zlib")])
    assert codec.loads(b"x^2 + y^2") == "2^y + 2^x"  # As from before there was a compressor.


def test_a_second_compressor_of_one_format_is_asked_too() -> None:
    class Picky(ZlibCompressor):
        def decompress(self, data: bytes) -> bytes:
            raise LookupError("not mine")

    codec = CompositeSerializer([PickleSerializer()], [Picky(), ZlibCompressor()])
    assert codec.loads(zlib.compress(pickle.dumps([1]))) == [1]


def test_damaged_data_are_not_taken_for_a_value(compressor: str) -> None:
    codec = make_serializer({"compressor": compressor})
    stored = codec.dumps(LONG)
    assert isinstance(stored, bytes)
    for place in range(len(stored)):
        damaged = stored[:place] + bytes([stored[place] ^ 0x10]) + stored[place + 1 :]
        try:
            found = codec.loads(damaged)
        except Exception:
            continue
        assert found == LONG  # What is damaged is a byte that says nothing of the value.
    for cut in (stored[:-1], stored[: len(stored) // 2], stored + b"x"):
        with pytest.raises(Exception, match=r"."):
            codec.loads(cut)


def test_a_bomb_does_not_fill_the_memory(compressor: str) -> None:
    bomb = only(compressor).compress(bytes(30_000_000))
    codec = make_serializer({"compressor": (compressor, {"max_size": 1_000_000})})
    tracemalloc.start()
    try:
        with pytest.raises(DecompressedTooLarge, match="max_size"):
            codec.loads(bomb)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_a_bomb_of_lz4_that_hides_its_size() -> None:
    import lz4.frame

    bomb = lz4.frame.compress(bytes(30_000_000), store_size=False)
    with pytest.raises(DecompressedTooLarge):
        only("lz4", max_size=1_000_000).decompress(bomb)


def test_a_value_larger_than_may_be_opened_stays_plain(compressor: str) -> None:
    codec = make_serializer({"compressor": (compressor, {"max_size": 1000})})
    stored = codec.dumps(LONG)
    assert isinstance(stored, bytes)
    assert stored[:1] == b"\x80"
    assert codec.loads(stored) == LONG
    with pytest.raises(DecompressedTooLarge):
        CompositeSerializer([Upside()], [only("zlib", max_size=10)]).dumps("x^2 and more"[::-1])


def test_a_value_of_just_the_size_is_opened(compressor: str) -> None:
    plain = pickle.dumps(LONG, pickle.HIGHEST_PROTOCOL)
    codec = make_serializer({"compressor": (compressor, {"max_size": len(plain)})})
    stored = codec.dumps(LONG)
    assert isinstance(stored, bytes)
    assert len(stored) < 300
    assert codec.loads(stored) == LONG


def test_levels_are_heeded() -> None:
    text = json.dumps([{"id": number, "name": f"user {number % 97}"} for number in range(3000)])
    for name in ("zlib", "gzip", "lzma", "zstd"):
        assert len(only(name, level=1).compress(text.encode())) > len(
            only(name, level=9).compress(text.encode())
        )


# Several serializers


class Stubborn:
    """A stranger's serializer that says of nothing that it is not its own."""

    def __init__(self, error: type[Exception]) -> None:
        self.error = error

    def dumps(self, obj: Any) -> bytes:
        return b"mine"

    def loads(self, data: bytes) -> str:
        if data != b"mine":
            raise self.error("not mine")
        return "mine"


@pytest.mark.parametrize("error", [ValueError, KeyError, TypeError, EOFError, RecursionError])
def test_reading_goes_on_whatever_a_serializer_raises(error: type[Exception]) -> None:
    codec = CompositeSerializer([Stubborn(error), JSONSerializer(), PickleSerializer()])
    assert codec.loads(b"mine") == "mine"
    assert codec.loads(b'{"a": 1}') == {"a": 1}
    assert codec.loads(pickle.dumps((1,))) == (1,)
    with pytest.raises(UnreadableValue) as raised:
        codec.loads(b"\xff\xff")
    assert raised.value.__notes__ == [f"Stubborn: {error.__name__}: {error('not mine')}"]
    assert isinstance(raised.value.__cause__, error)


GARBAGE = [b"", b"\xc1", b"{", b"\x80", b"nul", b"]", b"(", b"\x80\x05", b"\x80\x05.", b"abc", b"N"]


@pytest.mark.parametrize("data", GARBAGE, ids=repr)
def test_garbage_is_not_a_value(data: bytes) -> None:
    for names in (["json", "pickle"], ["pickle", "orjson"], ["orjson", "json", "pickle"]):
        codec = make_serializer({"serializer": names, "compressor": ["zstd", "zlib", "lz4"]})
        with pytest.raises((UnreadableValue, ValueError)):
            codec.loads(data)


def test_serializers_are_told_apart_by_bytes_alone() -> None:
    """None is asked to read what another wrote: that would cost an exception for every value."""
    samples = [None, True, "7", "text", [], [1], {}, {"a": 1}, ["x" * 300], list(range(50))]
    groups = ("pickle",), ("json", "orjson"), ("msgpack", "ormsgpack")
    made = {name: make_serializer({"serializer": name}) for name in SERIALIZER.paths}
    for group in groups:
        for name in group:
            for value in samples:
                data = made[name].dumps(value)
                assert isinstance(data, bytes)
                takers = [other for other in made if made[other].recognizes(data)]  # type: ignore[attr-defined]
                assert sorted(takers) == sorted(group), (name, value, data)


def test_pickles_of_every_protocol_that_says_so_are_told_from_json() -> None:
    codec = make_serializer({"serializer": ["json", "msgpack", "pickle"]})
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        for value in (None, [1], {"a": (1, 2)}, "text", 1.5, True, -7):
            assert codec.loads(pickle.dumps(value, protocol)) == value


def test_orjson_reads_what_json_wrote() -> None:
    codec = make_serializer({"serializer": "orjson"})
    for value in ([2**64], [-(2**70)], [10**400], ["1" * 30], ["\ud800"], {"a": float("inf")}):
        assert alike(codec.loads(json.dumps(value).encode()), value)


def test_a_corrupt_value_raises_what_the_only_serializer_raises() -> None:
    codec = make_serializer({"serializer": "json", "compressor": "zlib"})
    with pytest.raises(json.JSONDecodeError):
        codec.loads(zlib.compress(b"{"))
    with pytest.raises(ValueError) as raised:  # noqa: PT011  # Whatever `str` says of bytes.
        codec.loads(b"\x78\x9cnonsense")
    assert "starts like compressed data" in raised.value.__notes__[0]


def test_what_a_codec_refuses_is_not_stored(make_cache: MakeCache) -> None:
    cache = make_cache(OPTIONS={"serializer": ["orjson", "pickle"], "compressor": "zlib"})
    cache.set("kept", "before")
    for value in (float("nan"), {"deep": [float("inf")]}, 2**64, "\ud800", {1: 2}, {1}):
        for store in (cache.set, cache.add):
            with pytest.raises((TypeError, ValueError)):
                store("new", value)
        with pytest.raises((TypeError, ValueError)):
            cache.set("kept", value)
        with pytest.raises((TypeError, ValueError)):
            cache.set_many({"first": 1, "new": value})
    assert cache.get_many(["new", "first", "kept"]) == {"kept": "before"}
    assert cache.get("kept") == "before"


# Options


class Point:
    def __init__(self, x: int) -> None:
        self.x = x


def packed(obj: Any) -> Any:
    import msgpack

    if isinstance(obj, Point):
        return msgpack.ExtType(1, b"%d" % obj.x)
    raise TypeError(f"{type(obj).__name__} cannot be packed")


def unpacked(code: int, data: bytes) -> Any:
    return Point(int(data)) if code == 1 else None


def text_of(obj: Any) -> Any:
    return {"x": obj.x} if isinstance(obj, Point) else float("nan")


HERE = "tests.cache.codecs.test_codec"


def test_functions_in_options_are_imported() -> None:
    options = {"default": f"{HERE}.packed", "ext_hook": f"{HERE}.unpacked"}
    codec = make_serializer({"serializer": ("msgpack", options)})
    [found] = codec.loads(codec.dumps([Point(7)]))  # type: ignore[arg-type]
    assert found.x == 7
    with pytest.raises(TypeError, match="cannot be packed"):
        codec.dumps({1})


def test_numbers_that_a_function_makes_are_looked_at_too() -> None:
    codec = make_serializer({"serializer": ("orjson", {"default": text_of})})
    assert codec.loads(codec.dumps([None, Point(7)])) == [None, {"x": 7}]  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="NaN"):
        codec.dumps([None, {1}])


def test_json_takes_an_encoder(make_cache: MakeCache) -> None:
    from datetime import date

    encoder = "django.core.serializers.json.DjangoJSONEncoder"
    cache = make_cache(OPTIONS={"serializer": ("json", {"encoder": encoder})})
    cache.set("day", date(2026, 1, 2))
    assert cache.get("day") == "2026-01-02"


def test_pickles_have_the_protocol_that_is_asked_for() -> None:
    for given in (("pickle", {"protocol": 2}), PickleSerializer(2)):
        data = make_serializer({"serializer": given}).dumps([1])
        assert isinstance(data, bytes)
        assert data[1] == 2


def test_the_default_is_one_serializer_without_anything_around_it() -> None:
    assert type(make_serializer({})) is PickleSerializer
    assert type(make_serializer({"serializer": ["pickle"], "compressor": None})) is PickleSerializer
