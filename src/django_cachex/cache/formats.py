"""Which serializers and compressors OPTIONS name: one, or a list of which any may read."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

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
EXAMPLES = {
    "serializer": '"serializer": ("msgpack", {"default": "shop.cache.packed"})',
    "compressor": '"compressor": ("zstd", {"level": 9})',
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

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(f"{message} {hint}")
        self.message = message
        self.hint = hint


class MissingPackage(WrongFormat):
    """It can, once a package is installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            _("The %(what)s needs a package that is not installed.") % {"what": what},
            _("Run: pip install django-cachex[%(extra)s]") % {"extra": extra},
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
            raise WrongFormat(
                _("“%(what)s” is an empty list.") % {"what": what},
                _("Leave it out, or name at least one."),
            )
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
        raise WrongFormat(
            _("The %(what)s lacks %(methods)s.")
            % {"what": what, "methods": ", ".join(f"{name}()" for name in lacking)},
            usage(what),
        )
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
                _("“%(what)s” is neither a name, nor a name with its options.") % {"what": what},
                _("Write the two as a tuple: %(example)s. Several are a list of such.")
                % {"example": EXAMPLES[what]},
            )


def usage(what: str) -> str:
    """Return what a class of one's own has to be like."""
    if what == "serializer":
        return _("It must have dumps(obj), which returns bytes, and loads(data), which undoes it.")
    return _(
        "It must have compress(data) and decompress(data), which return bytes, and "
        "recognises(data), which tells by how data begins whether it was compressed."
    )


def found(what: str, given: Any) -> Any:
    """Return what a short name or a dotted path stands for."""
    if not isinstance(given, str):
        return given
    names = NAMES[what]
    if "." not in given and given not in names:
        raise WrongFormat(
            _("There is no %(what)s of that name.") % {"what": what},
            _("There are %(names)s; of others, write the dotted path.")
            % {"names": ", ".join(f'"{name}"' for name in names)},
        )
    try:
        return import_string(names.get(given, given))
    except ImportError as error:
        raise failed(what, error) from error


def called(what: str, given: Any, arguments: Mapping[str, Any]) -> Any:
    """Return what a class makes of its options, or an instance as it is."""
    if not callable(given):
        if arguments:
            raise WrongFormat(
                _("The %(what)s is an object, which takes no options.") % {"what": what},
                _("Write its class in its place: %(example)s.") % {"example": EXAMPLES[what]},
            )
        return given
    refuse_unknown_arguments(what, given, arguments)
    try:
        return given(**arguments)
    except ImportError as error:
        module = (error.name or "").partition(".")[0]
        if module in EXTRAS:
            raise MissingPackage(what, EXTRAS[module]) from error
        raise failed(what, error) from error
    except TypeError as error:
        raise failed(what, error) from error


def failed(what: str, error: Exception) -> WrongFormat:
    """Return what to say of an error whose words are not a stranger's, or are left out."""
    name = type(error).__name__
    reason = f"{name}: {error}" if isinstance(error, ImportError) else name
    return WrongFormat(
        _("The %(what)s cannot be made: %(reason)s.") % {"what": what, "reason": reason},
        remedy(what, error),
    )


def remedy(what: str, error: Exception) -> str:
    if isinstance(error, ImportError):
        return path_advice(error)
    return _("A class that takes arguments is written with them: %(example)s.") % {
        "example": EXAMPLES[what]
    }


def path_advice(error: ImportError) -> str:
    """Return what to do about a dotted path that leads nowhere."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return _("Install the package that has the module “%(module)s”, or correct the path.") % {
            "module": error.name.partition(".")[0]
        }
    return _("Correct the path: the module's, a point, and the name of the class in it.")


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
        known = ", ".join(f"“{name}”" for name in takes)
        raise WrongFormat(
            _("The %(what)s has no option %(names)s.")
            % {"what": what, "names": ", ".join(f"“{name}”" for name in unknown)},
            _("It has %(known)s.") % {"known": known} if known else _("It has none."),
        )
