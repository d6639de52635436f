"""The two kinds of things that OPTIONS name, and the ones of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise

from django_cachex.cache.translation import gettext_lazy as _

EXTRAS: Final = {
    "orjson": "orjson",
    "msgpack": "msgpack",
    "ormsgpack": "ormsgpack",
    "lz4": "lz4",
    "backports": "zstd",
    "compression": "zstd",
}
"""The extra of ours that installs a module."""


@dataclass(frozen=True)
class Kind:
    option: str
    """Its name in OPTIONS, and in sentences."""
    paths: Mapping[str, str]
    """Dotted paths of the classes of ours, by their short names."""
    methods: tuple[str, ...]
    """What an object must have."""
    usage: str | Promise
    """That as a sentence."""
    example: str
    """How one with options is written."""


SERIALIZER: Final = Kind(
    "serializer",
    {
        "pickle": "django_cachex.cache.serializers.PickleSerializer",
        "json": "django_cachex.cache.serializers.JSONSerializer",
        "orjson": "django_cachex.cache.serializers.ORJSONSerializer",
        "msgpack": "django_cachex.cache.serializers.MsgPackSerializer",
        "ormsgpack": "django_cachex.cache.serializers.ORMsgPackSerializer",
    },
    ("dumps", "loads"),
    _("It must have dumps(obj), which returns bytes, and loads(data), which undoes it."),
    '"serializer": ("msgpack", {"default": "shop.cache.packed"})',
)
COMPRESSOR: Final = Kind(
    "compressor",
    {
        "zlib": "django_cachex.cache.compressors.ZlibCompressor",
        "gzip": "django_cachex.cache.compressors.GzipCompressor",
        "lzma": "django_cachex.cache.compressors.LzmaCompressor",
        "lz4": "django_cachex.cache.compressors.Lz4Compressor",
        "zstd": "django_cachex.cache.compressors.ZstdCompressor",
    },
    ("recognises", "compress", "decompress"),
    _(
        "It must have compress(data) and decompress(data), which return bytes, and "
        "recognises(data), which tells by how data begins whether it was compressed."
    ),
    '"compressor": ("zstd", {"level": 9})',
)
