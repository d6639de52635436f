"""Which serializers and compressors OPTIONS name: one, or a list of which any may read."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from django_cachex.cache.codec import ValueCodec
from django_cachex.cache.serializers import Serializer

_here = "django_cachex.cache"
SERIALIZERS = {
    "pickle": f"{_here}.serializers.PickleSerializer",
    "json": f"{_here}.serializers.JSONSerializer",
    "orjson": f"{_here}.serializers.ORJSONSerializer",
    "msgpack": f"{_here}.serializers.MsgPackSerializer",
    "ormsgpack": f"{_here}.serializers.ORMsgPackSerializer",
}
COMPRESSORS = {
    "zlib": f"{_here}.compressors.ZlibCompressor",
    "gzip": f"{_here}.compressors.GzipCompressor",
    "lzma": f"{_here}.compressors.LzmaCompressor",
    "lz4": f"{_here}.compressors.Lz4Compressor",
    "zstd": f"{_here}.compressors.ZstdCompressor",
}
NAMES = {"serializer": SERIALIZERS, "compressor": COMPRESSORS}
METHODS = {
    "serializer": ("dumps", "loads"),
    "compressor": ("recognises", "compress", "decompress"),
}
EXTRAS = {
    "orjson": "orjson",
    "msgpack": "msgpack",
    "ormsgpack": "ormsgpack",
    "lz4": "lz4",
    "backports": "zstd",
    "compression": "zstd",
}
"""The extra of ours that installs a module."""


class WrongFormat(ImproperlyConfigured):
    """What OPTIONS have for a serializer or compressor cannot be used."""


class MissingPackage(WrongFormat):
    """It can, once a package is installed."""

    def __init__(self, what: str, module: str) -> None:
        self.extra = EXTRAS[module]
        super().__init__(
            f"The {what} needs the extra “{self.extra}”. "
            f"Run: pip install django-cachex[{self.extra}]"
        )


def make_codec(options: Mapping[str, Any]) -> Serializer:
    """Return what makes bytes of values, as OPTIONS say; raise ImproperlyConfigured.

    A serializer that is the only one, without a compressor, is returned as it is.
    """
    serializers = make_all("serializer", options)
    compressors = make_all("compressor", options)
    if not serializers:
        serializers = [make("serializer", "pickle")]
    if len(serializers) == 1 and not compressors:
        only: Serializer = serializers[0]
        return only
    return ValueCodec(serializers, compressors)


def make_all(what: str, options: Mapping[str, Any]) -> list[Any]:
    """Return the "serializer"s or "compressor"s of OPTIONS, the one that writes first."""
    given = options.get(what)
    if given is None:
        return []
    if isinstance(given, list):
        if not given:
            raise WrongFormat(f"“{what}” is an empty list. Leave it out, or name one.")
        return [make(what, one) for one in given]
    return [make(what, given)]


def make(what: str, given: Any) -> Any:
    """Return one serializer or compressor.

    `given` is its short name, its class, the dotted path of that, or an instance; or a tuple of
    one of the first three and a dict of what the class is called with.
    """
    given, arguments = parted(what, given)
    made = called(what, found(what, given), arguments)
    lacking = [name for name in METHODS[what] if not callable(getattr(made, name, None))]
    if lacking:
        raise WrongFormat(f"The {what} must have {', '.join(f'{n}()' for n in METHODS[what])}.")
    return made


def parted(what: str, given: Any) -> tuple[Any, Mapping[str, Any]]:
    """Return what was named, and its options."""
    if not isinstance(given, (tuple, dict)):
        return given, {}
    match given:
        case (named, dict() as arguments) if all(isinstance(name, str) for name in arguments):
            return named, arguments
        case _:
            raise WrongFormat(
                f"Options of a {what} stand beside its name, in a tuple: "
                f'"{what}": ({example(what)}). Several are a list.'
            )


def example(what: str) -> str:
    return '"json", {"encoder": "…"}' if what == "serializer" else '"zstd", {"level": 9}'


def found(what: str, given: Any) -> Any:
    """Return what a short name or a dotted path stands for."""
    if not isinstance(given, str):
        return given
    names = NAMES[what]
    if "." not in given and given not in names:
        known = ", ".join(f'"{name}"' for name in names)
        raise WrongFormat(f"There is no {what} “{given}”. There are {known}; or write a path.")
    try:
        return import_string(names.get(given, given))
    except ImportError as error:
        raise WrongFormat(f"The {what} cannot be imported: {error}") from error


def called(what: str, given: Any, arguments: Mapping[str, Any]) -> Any:
    """Return what a class makes of its options, or an instance as it is."""
    if not callable(given):
        if arguments:
            raise WrongFormat(f"The {what} is an instance: options are for a class.")
        return given
    refuse_unknown_arguments(what, given, arguments)
    try:
        return given(**arguments)
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module in EXTRAS:
            raise MissingPackage(what, module) from error
        raise WrongFormat(f"The {what} cannot be made: {error}") from error
    except (ImportError, TypeError) as error:
        raise WrongFormat(f"The {what} cannot be made: {error}") from error


def refuse_unknown_arguments(
    what: str, kind: Callable[..., Any], arguments: Mapping[str, Any]
) -> None:
    """Raise `WrongFormat` for options that a class does not take."""
    try:
        takes = inspect.signature(kind).parameters
    except (TypeError, ValueError):  # Of a class in C, perhaps.
        return
    if any(one.kind is one.VAR_KEYWORD for one in takes.values()):
        return
    if unknown := [name for name in arguments if name not in takes]:
        known = ", ".join(takes) or "none"
        raise WrongFormat(f"The {what} has no option {', '.join(unknown)}. It has: {known}.")
