"""What other backends store is read under the equivalent settings, and what ours stores by them."""

from __future__ import annotations

from datetime import date
from importlib import import_module
from typing import Any

import pytest
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.redis import RedisCache as DjangoRedisCache

from django_cachex.cache import ValkeyCache
from tests.cache.codecs.changes import alike
from tests.cache.conftest import url
from tests.servers import Server

ENCODER = "django.core.serializers.json.DjangoJSONEncoder"
PLAIN = {
    "none": None,
    "true": True,
    "zero": 0,
    "minus": -(2**63),
    "digits": "42",
    "float": 1.5,
    "text": "ünïcödé",
    "empty": {},
    "short": [1, "two", None],
    "long": {"text": "long " * 1000, "list": list(range(300))},
}
PYTHONS_OWN = {"tuple": (1, 2), "set": {1}, "bytes": b"\x78\x9c", "day": date(2026, 1, 2)}

SERIALIZERS: dict[str, Any] = {
    "pickle.PickleSerializer": "pickle",
    "json.JSONSerializer": ("json", {"encoder": ENCODER}),
    "msgpack.MSGPackSerializer": "msgpack",
}
COMPRESSORS: dict[str, Any] = {
    "identity.IdentityCompressor": None,
    "zlib.ZlibCompressor": "zlib",
    "gzip.GzipCompressor": "gzip",
    "lzma.LzmaCompressor": "lzma",
    "lz4.Lz4Compressor": "lz4",
    "zstd.ZStdCompressor": "zstd",
}
PAIRS = [
    *((serializer, "identity.IdentityCompressor") for serializer in SERIALIZERS),
    *(("pickle.PickleSerializer", compressor) for compressor in list(COMPRESSORS)[1:]),
    ("json.JSONSerializer", "zlib.ZlibCompressor"),
    ("msgpack.MSGPackSerializer", "zstd.ZStdCompressor"),
]


def exchanged(theirs: BaseCache, ours: BaseCache, values: dict[str, Any]) -> None:
    """Assert that each reads what the other stores, one by one and together."""
    received(theirs, ours, values)
    received(ours, theirs, values)


def received(writer: BaseCache, reader: BaseCache, values: dict[str, Any]) -> None:
    writer.set_many(values)
    for key, value in values.items():
        assert alike(reader.get(key, "missing"), value), key
    assert alike(dict(sorted(reader.get_many(values).items())), dict(sorted(values.items())))
    assert reader.incr("zero") == 1
    assert writer.get("zero") == 1
    writer.delete_many(values)


@pytest.mark.parametrize("options", [{}, {"serializer": ["pickle", "json"], "compressor": "zlib"}])
def test_djangos_backend(valkey_server: Server, options: dict[str, Any]) -> None:
    address = url(valkey_server)
    values = PLAIN | PYTHONS_OWN
    theirs, ours = DjangoRedisCache(address, {}), ValkeyCache(address, {"OPTIONS": options})
    if options:
        values.pop("long")  # Theirs cannot open what is compressed.
    exchanged(theirs, ours, values)


@pytest.mark.parametrize(("serializer", "compressor"), PAIRS)
@pytest.mark.parametrize("package", ["django_redis", "django_valkey"])
def test_other_packages(
    valkey_server: Server, package: str, serializer: str, compressor: str
) -> None:
    backend = import_module(f"{package}.cache")
    kind = backend.RedisCache if package == "django_redis" else backend.ValkeyCache
    scheme = package.removeprefix("django_")
    theirs = kind(
        url(valkey_server, scheme=scheme),
        {
            "OPTIONS": {
                "SERIALIZER": f"{package}.serializers.{serializer}",
                "COMPRESSOR": f"{package}.compressors.{compressor}",
            }
        },
    )
    options = {"serializer": SERIALIZERS[serializer], "compressor": COMPRESSORS[compressor]}
    ours = ValkeyCache(url(valkey_server), {"OPTIONS": options})
    values = dict(PLAIN)
    if serializer == "pickle.PickleSerializer":
        values |= PYTHONS_OWN
    try:
        received(theirs, ours, values)
        if package == "django_valkey":
            del values["minus"]  # It reads every negative integer as a float.
        received(ours, theirs, values)
    finally:
        theirs.close()


@pytest.mark.parametrize("number", [1.5, -0.25, 1e300, -1e-7, 12.0, float("inf"), float("nan")])
@pytest.mark.parametrize("serializer", ["pickle", "msgpack", "ormsgpack", ["json", "pickle"]])
def test_floats_that_are_stored_as_text(
    valkey_server: Server, serializer: Any, number: float
) -> None:
    theirs = import_module("django_valkey.cache").ValkeyCache(url(valkey_server), {})
    ours = ValkeyCache(url(valkey_server), {"OPTIONS": {"serializer": serializer}})
    theirs.set("float", number)
    assert alike(ours.get("float"), number)
    theirs.close()
