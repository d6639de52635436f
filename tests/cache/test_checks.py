from __future__ import annotations

import hashlib
import pickle
from typing import Any

import pytest
from django.test import override_settings

from django_cachex.cache.checks import check_prefixes, check_unpickling

VALKEY = "django_cachex.cache.ValkeyCache"
REDIS = "django_cachex.cache.RedisCache"
DJANGO_REDIS = "django.core.cache.backends.redis.RedisCache"
PLACE = "redis://:hush@cache.example/1"


def caches(*prefixes: str, **others: Any) -> Any:
    """Return settings with a cache for each prefix, all on one database."""
    return override_settings(
        CACHES={
            "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
            **{
                f"alias{number}": {
                    "BACKEND": (VALKEY, REDIS)[number % 2],
                    "LOCATION": "redis://:hush@cache.example/1",
                    "KEY_PREFIX": prefix,
                }
                for number, prefix in enumerate(prefixes)
            },
            **others,
        }
    )


@pytest.mark.parametrize(
    ("outer", "inner"), [("p", "p:1"), ("", ":2"), ("p", "p:1:x"), ("p", "p:-3")]
)
def test_prefixes_that_cannot_be_told_apart_are_reported_once(outer: str, inner: str) -> None:
    with caches(outer, inner, "unrelated"):
        [warning] = check_prefixes()
    assert warning.id == "django_cachex.W001"
    assert "alias0" in warning.msg
    assert "alias1" in warning.msg
    assert warning.hint
    assert "hush" not in str(warning)


@pytest.mark.parametrize(
    ("one", "two"), [("p", "p"), ("p", "q"), ("p", "p1"), ("p", "p:x"), ("p", "p:1x"), ("", "p:1")]
)
def test_prefixes_that_can_be_told_apart_are_not(one: str, two: str) -> None:
    with caches(one, two):
        assert check_prefixes() == []


def test_another_database_is_another_matter() -> None:
    other = {"BACKEND": VALKEY, "LOCATION": "redis://cache.example/2", "KEY_PREFIX": "p:1"}
    same = {"BACKEND": VALKEY, "LOCATION": "redis://cache.example?db=1", "KEY_PREFIX": "p:1"}
    with caches("p", other=other):
        assert check_prefixes() == []
    with caches("p", same=same):
        assert len(check_prefixes()) == 1


def test_what_is_misconfigured_is_left_to_those_who_use_it() -> None:
    with caches("p", broken={"BACKEND": VALKEY, "LOCATION": "nonsense"}):
        assert check_prefixes() == []


def as_it_is(key: str, prefix: str, version: int) -> str:
    return key


def without_version(key: str, prefix: str, version: int) -> str:
    return f"{prefix}:{key}"


def hashed(key: str, prefix: str, version: int) -> str:
    return hashlib.sha256(f"{prefix}:{version}:{key}".encode()).hexdigest()


def named(key: str, prefix: str, version: int) -> str:
    return f"{prefix}/{version}/{key}"


def alias(backend: str = VALKEY, place: str = PLACE, **params: Any) -> dict[str, Any]:
    return {"BACKEND": backend, "LOCATION": place, "KEY_PREFIX": "p", **params}


def warned(**aliases: dict[str, Any]) -> list[str]:
    """Return which aliases W001 and W006 name, each as the id and the two as the text has them."""
    with override_settings(CACHES={"default": alias(place="redis://cache.example/9"), **aliases}):
        found = [*check_prefixes(), *check_unpickling()]
    assert "hush" not in str(found)
    words = [str(one.msg).replace("“", '"').replace("”", '"') for one in found]
    return [
        f"{one.id} {' '.join(name for name in text.split(chr(34)) if name in aliases)}"
        for one, text in zip(found, words, strict=True)
    ]


@pytest.mark.parametrize("backend", [VALKEY, DJANGO_REDIS])
@pytest.mark.parametrize("other", [VALKEY, DJANGO_REDIS])
def test_djangos_backend_is_looked_at_too(backend: str, other: str) -> None:
    inner = alias(other, KEY_PREFIX="p:1")
    assert warned(outer=alias(backend), inner=inner) == ["django_cachex.W001 inner outer"]


@pytest.mark.parametrize("function", [as_it_is, without_version])
@pytest.mark.parametrize("backend", [VALKEY, DJANGO_REDIS])
def test_a_key_function_whose_keys_may_be_anothers_is_reported(backend: str, function: Any) -> None:
    own = alias(backend, KEY_FUNCTION=function)
    assert warned(own=own, plain=alias()) == ["django_cachex.W001 plain own"]


@pytest.mark.parametrize("function", [hashed, named])
def test_a_key_function_whose_keys_are_its_own_is_not(function: Any) -> None:
    assert warned(own=alias(KEY_FUNCTION=function), plain=alias()) == []
    assert warned(own=alias(KEY_FUNCTION=function), same=alias(KEY_FUNCTION=function)) == []


def test_a_key_function_that_raises_is_left_to_those_who_use_it() -> None:
    def raising(key: str, prefix: str, version: int) -> str:
        raise LookupError(key)

    assert warned(own=alias(KEY_FUNCTION=raising), plain=alias()) == []


@pytest.mark.parametrize(
    "place",
    [
        "redis://localhost:6379/0",
        "redis://127.0.0.1",
        "redis://[::1]",
        "redis://u:hush@127.0.0.1:6379?db=0",
        "redis:///0",
    ],
)
def test_the_obvious_spellings_of_a_server_are_one(place: str) -> None:
    inner = alias(place=place, KEY_PREFIX="p:1")
    for backend in (VALKEY, DJANGO_REDIS):
        outer = alias(backend, place="redis://localhost")
        assert warned(outer=outer, inner=inner) == ["django_cachex.W001 inner outer"]
    assert warned(outer=alias(place="redis://localhost:6380"), inner=inner) == []


# One that unpickles beside one that stores something else.


class Careless:
    """A serializer of a project's own: pickles, and unpickles whatever there is."""

    def dumps(self, obj: Any) -> bytes:
        return pickle.dumps(obj)

    def loads(self, data: bytes) -> Any:
        return pickle.loads(data)


def packing(**params: Any) -> dict[str, Any]:
    return alias(OPTIONS={"serializer": "msgpack"}, **params)


CARELESS = {
    "django": alias(DJANGO_REDIS),
    "own": alias(OPTIONS={"serializer": Careless}),
    "chain": alias(OPTIONS={"serializer": ["msgpack", Careless]}),
}


@pytest.mark.parametrize("name", CARELESS)
def test_who_unpickles_what_another_packs_is_reported(name: str) -> None:
    reader = CARELESS[name]
    assert warned(reader=reader, writer=packing()) == ["django_cachex.W006 reader writer"]
    for prefixes in (("p", "p:1"), ("p:1", "p")):
        one, other = reader | {"KEY_PREFIX": prefixes[0]}, packing(KEY_PREFIX=prefixes[1])
        assert "django_cachex.W006 reader writer" in warned(reader=one, writer=other)
    raw = packing(KEY_FUNCTION=as_it_is)
    assert "django_cachex.W006 reader writer" in warned(reader=reader, writer=raw)


def test_who_reads_with_our_pickles_is_not() -> None:
    guarded = {"serializer": "django_cachex.cache.serializers.PickleSerializer"}
    for reader in (
        alias(),
        alias(OPTIONS={"serializer": ["msgpack", "pickle"]}),
        alias(DJANGO_REDIS, OPTIONS=guarded),
    ):
        assert warned(reader=reader, writer=packing()) == []


def test_who_unpickles_what_only_pickles_write_is_not() -> None:
    assert warned(reader=alias(DJANGO_REDIS), writer=alias()) == []
    assert warned(reader=alias(DJANGO_REDIS), writer=packing(KEY_PREFIX="q")) == []
    elsewhere = packing(place="redis://cache.example/2")
    assert warned(reader=alias(DJANGO_REDIS), writer=elsewhere) == []
