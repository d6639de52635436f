"""The serializers and compressors in OPTIONS: loading and combining them."""

from __future__ import annotations

import copyreg
import inspect
import pickletools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, ParamSpec, Protocol, TypeVar

from asgiref.sync import sync_to_async
from django.core.exceptions import ImproperlyConfigured, SynchronousOnlyOperation
from django.utils.translation.trans_null import gettext_noop as _  # The other needs settings.

from django_cachex.cache.compressors import DEFAULT_MAX_SIZE, DEFAULT_MIN_SIZE, DecompressedTooLarge
from django_cachex.cache.options import import_error, import_object
from django_cachex.cache.serializers import (
    JSONSerializer,
    MsgPackSerializer,
    ORJSONSerializer,
    ORMsgPackSerializer,
    PickleSerializer,
    Serializer,
    UnreadableValue,
)
from django_cachex.commands.args import encode_arg
from django_cachex.exceptions import ConfigError

__all__ = ["BytesCompressor", "CompositeSerializer", "UnreadableValue"]

P = ParamSpec("P")
T = TypeVar("T")


class BytesCompressor(Protocol):
    """The interface of compressors. See `django_cachex.cache.compressors.Compressor`."""

    def recognizes(self, data: bytes) -> bool: ...
    def compress(self, data: bytes) -> bytes: ...
    def decompress(self, data: bytes) -> bytes: ...


class CompositeSerializer:
    """A serializer that combines several serializers and compressors.

    The first of each writes, all of them read. Integers are never compressed, so that the server
    can increment them; small values aren't compressed either. However, a value that starts like
    compressed data is always compressed, because it would be decompressed when it is read.
    """

    def __init__(
        self, serializers: Sequence[Serializer], compressors: Sequence[BytesCompressor] = ()
    ) -> None:
        self.serializers = tuple(serializers)
        self.compressors = tuple(compressors)
        self._dumps = self.serializers[0].dumps
        self._loads = (
            self.serializers[0].loads if len(self.serializers) == 1 else self._loads_by_any
        )
        if self.compressors:
            first = self.compressors[0]
            self._min_size = getattr(first, "min_size", DEFAULT_MIN_SIZE)
            self._max_size = getattr(first, "max_size", DEFAULT_MAX_SIZE)

    def dumps(self, obj: Any) -> bytes | int:
        """Return the data to store for `obj`. Exceptions are those of the first serializer."""
        data = encode_arg(self._dumps(obj))
        if not self.compressors or isinstance(data, int):
            return data
        return self._compress(data)

    def loads(self, data: bytes) -> Any:
        """Return the object that is stored as `data`.

        Raises:
            UnreadableValue: none of several serializers can read the data. If there is only one,
                its own exception is raised.
            DecompressedTooLarge: the value exceeds `max_size` when decompressed.
        """
        failures: list[Exception] = []
        for compressor in self.compressors:
            if compressor.recognizes(data):
                try:
                    decompressed = compressor.decompress(data)
                except DecompressedTooLarge:
                    raise
                except Exception as error:  # Each format has its own exceptions.
                    failures.append(error)
                else:
                    return self._loads(decompressed)
        return self._loads_uncompressed(data, failures) if failures else self._loads(data)

    def _compress(self, data: bytes) -> bytes:
        """Return `data`, compressed if this saves space or is needed to avoid ambiguity."""
        compress = self.compressors[0].compress
        if self._min_size <= len(data) <= self._max_size:
            small = compress(data)
            if len(small) < len(data):
                return small
        if not any(compressor.recognizes(data) for compressor in self.compressors):
            return data
        if len(data) > self._max_size:
            raise DecompressedTooLarge(
                f"It could not be told from compressed data: {len(data):,} bytes."
            )
        return compress(data)

    def _loads_uncompressed(self, data: bytes, failures: list[Exception]) -> Any:
        """Read data that starts like compressed data but can't be decompressed."""
        try:
            return self._loads(data)
        except Exception as raised:
            for error in failures:
                raised.add_note(f"It starts like compressed data: {type(error).__name__}: {error}")
            raise

    def _loads_by_any(self, data: bytes) -> Any:
        failures: list[tuple[Serializer, Exception]] = []
        for serializer in self.serializers:
            recognizes: Callable[[bytes], bool] | None = getattr(serializer, "recognizes", None)
            if recognizes and not recognizes(data):
                continue
            try:
                return serializer.loads(data)
            except Exception as error:  # A custom serializer may raise any exception.
                failures.append((serializer, error))
        unreadable = UnreadableValue("No serializer of this cache can read the stored value.")
        for serializer, failure in failures:
            name = type(serializer).__name__
            unreadable.add_note(f"{name}: {type(failure).__name__}: {failure}")
        raise unreadable from (failures[0][1] if failures else None)


OUR_SERIALIZERS = (
    *(JSONSerializer, ORJSONSerializer),
    *(MsgPackSerializer, ORMsgPackSerializer, PickleSerializer),
)

OPCODES = {ord(opcode.code): opcode for opcode in pickletools.opcodes}

# How pickletools describes the length of an argument, and the sizes of length prefixes in bytes.
LINE_ARGUMENT = pickletools.UP_TO_NEWLINE
LENGTH_PREFIX_SIZES = {
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}
EXTENSIONS = (b"\x82", b"\x83", b"\x84")
"""Opcodes that import an object by its number in the registry of `copyreg`."""


def list_serializers(serializer: Any) -> tuple[Any, ...]:
    """Return the serializers that the serializer of an alias consists of."""
    return serializer.serializers if isinstance(serializer, CompositeSerializer) else (serializer,)


def can_run_code(serializer: Any) -> bool:
    """Return whether a serializer may run code that is in the data. Unknown ones may."""
    return not any(
        isinstance(serializer, own) and type(serializer).loads is own.loads
        for own in OUR_SERIALIZERS
    )


def can_run_code_from(serializer: Any, data: bytes) -> bool:
    """Return whether the serializer of an alias may import and call objects named in `data`."""
    is_like_ours = data[:1] == b"\x80"
    return has_pickle_imports(data) and any(
        can_run_code(one) or (is_like_ours and isinstance(one, PickleSerializer))
        for one in list_serializers(serializer)
    )


def has_pickle_imports(data: bytes) -> bool:
    """Return whether `pickle.loads(data)` may import something before it ends or raises an error.

    The stack isn't tracked, so this function continues in some cases where `pickle.loads` raises an
    error. `pickletools.genops` would stop in cases where `pickle.loads` continues: it only reads
    integers that `int` accepts.
    """
    # A private dict of code -> (module, name) that pickle imports but typeshed lacks.
    registered: dict[int, Any] = copyreg._inverted_registry  # type: ignore[attr-defined]
    has_mark = False
    for code, start, end in iter_opcodes(data):
        if code == b".":
            return False
        if code == b"\x93":
            return True
        if code in (b"c", b"i") and data[end - 1 : end] == b"\n" and (code == b"c" or has_mark):
            return True  # `i` needs a mark. The second of their two lines isn't needed.
        if code in EXTENSIONS and int.from_bytes(data[start:end], "little") in registered:
            return True
        has_mark = has_mark or code == b"("
    return False


def iter_opcodes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield each opcode and where its argument starts and ends, up to an unknown opcode.

    There are no jumps between opcodes, so only the lengths of their arguments are needed. An
    argument may end after the data, which is truncated then.
    """
    position = 0
    while position < len(data) and data[position] in OPCODES:
        argument, start = OPCODES[data[position]].arg, position + 1
        if argument is None:
            end = start
        elif argument.n == LINE_ARGUMENT:
            end = data.find(b"\n", start) + 1 or len(data)
        elif argument.n in LENGTH_PREFIX_SIZES:
            end = start + LENGTH_PREFIX_SIZES[argument.n]
            end += int.from_bytes(data[start:end], "little")
        else:
            end = start + argument.n
        yield data[position:start], start, end
        position = end


EXTRA_OF_MODULE: Final = {
    "orjson": "orjson",
    "msgpack": "msgpack",
    "ormsgpack": "ormsgpack",
    "lz4": "lz4",
    "backports": "zstd",
    "compression": "zstd",
}
"""The extra of this package that installs a module."""


@dataclass(frozen=True)
class PluginType:
    """A kind of plugins: serializers or compressors."""

    option: str
    """The name of the option, which is also used in messages."""
    id: str
    """The id of the check for its errors."""
    paths: Mapping[str, str]
    """The dotted paths of the classes of this package, by their short names."""
    methods: tuple[str, ...]
    """The methods that an object must have."""
    usage: str
    """A sentence about these methods."""
    example: str
    """An example with options."""

    def error(self, message: str, hint: str, **params: object) -> ConfigError:
        """Return an error whose texts may also refer to `option` and `example`."""
        return ConfigError(
            self.id, message, hint, option=self.option, example=self.example, **params
        )


SERIALIZER: Final = PluginType(
    "serializer",
    "django_cachex.E111",
    {
        "pickle": "django_cachex.cache.serializers.PickleSerializer",
        "json": "django_cachex.cache.serializers.JSONSerializer",
        "orjson": "django_cachex.cache.serializers.ORJSONSerializer",
        "msgpack": "django_cachex.cache.serializers.MsgPackSerializer",
        "ormsgpack": "django_cachex.cache.serializers.ORMsgPackSerializer",
    },
    ("dumps", "loads"),
    _("It must have the methods dumps(obj), which returns bytes, and loads(data)."),
    '"serializer": ("msgpack", {"default": "shop.cache.packed"})',
)
COMPRESSOR: Final = PluginType(
    "compressor",
    "django_cachex.E109",
    {
        "zlib": "django_cachex.cache.compressors.ZlibCompressor",
        "gzip": "django_cachex.cache.compressors.GzipCompressor",
        "lzma": "django_cachex.cache.compressors.LzmaCompressor",
        "lz4": "django_cachex.cache.compressors.Lz4Compressor",
        "zstd": "django_cachex.cache.compressors.ZstdCompressor",
    },
    ("recognizes", "compress", "decompress"),
    _(
        "It must have the methods compress(data) and decompress(data), which return bytes, and "
        "recognizes(data), which returns whether the data starts like compressed data."
    ),
    '"compressor": ("zstd", {"level": 9})',
)


def make_serializer(options: Mapping[str, Any]) -> Serializer:
    """Return the serializer for OPTIONS.

    A single serializer without a compressor is returned as it is.
    """
    serializers = load_plugins(SERIALIZER, options) or [load_plugin(SERIALIZER, "pickle")]
    compressors = load_plugins(COMPRESSOR, options)
    if len(serializers) == 1 and not compressors:
        only: Serializer = serializers[0]
        return only
    return CompositeSerializer(serializers, compressors)


def load_plugins(plugin_type: PluginType, options: Mapping[str, Any]) -> list[Any]:
    """Return the plugins of one kind in OPTIONS. The first one is used for writing."""
    spec = options.get(plugin_type.option)
    if spec is None:
        return []
    if not isinstance(spec, list):
        return [load_plugin(plugin_type, spec)]
    if not spec:
        raise plugin_type.error(
            _("“%(option)s” is an empty list."), _("Remove it, or add at least one.")
        )
    return [load_plugin(plugin_type, one) for one in spec]


def load_plugin(plugin_type: PluginType, spec: Any) -> Any:
    """Return one serializer or compressor.

    Args:
        spec: a short name, a class, a dotted path or an instance; or a tuple of one of the first
            three and a dictionary of options for the constructor.

    Raises:
        ConfigError: it can't be used.
    """
    target, arguments = split_spec(plugin_type, spec)
    try:
        plugin = instantiate(plugin_type, import_named(plugin_type, target), arguments)
    except ConfigError:
        raise
    except ImportError as error:
        raise plugin_import_error(plugin_type, error) from error
    except ImproperlyConfigured as error:
        raise plugin_type.error(
            _("An option of the %(option)s is invalid."), "%(reason)s", reason=error
        ) from error
    except Exception as error:  # Modules and constructors may raise any exception.
        # The exception's text isn't shown, because it may include secrets.
        raise plugin_type.error(
            _("The %(option)s can't be created: %(reason)s."),
            _("Import it in a shell to see the error."),
            reason=type(error).__name__,
        ) from error
    missing = [name for name in plugin_type.methods if not callable(getattr(plugin, name, None))]
    if missing:
        raise plugin_type.error(
            _("The %(option)s has no %(methods)s."),
            plugin_type.usage,
            methods=", ".join(f"{name}()" for name in missing),
        )
    return plugin


def split_spec(plugin_type: PluginType, spec: Any) -> tuple[Any, Mapping[str, Any]]:
    """Return the name, class or instance, and the options."""
    match spec:
        case (target, dict() as arguments) if isinstance(spec, tuple) and all(
            isinstance(name, str) for name in arguments
        ):
            return target, arguments
        case tuple() | dict():
            raise plugin_type.error(
                _("“%(option)s” is neither a name nor a tuple of a name and its options."),
                _("Use a tuple, such as %(example)s, or a list of names or tuples."),
            )
        case _:
            return spec, {}


def import_named(plugin_type: PluginType, target: Any) -> Any:
    """Return the object for a short name or a dotted path; return other objects unchanged."""
    path = plugin_type.paths.get(target, target) if isinstance(target, str) else target
    if isinstance(path, str) and "." not in path:
        raise plugin_type.error(
            _("There is no %(option)s of that name."),
            _("Use one of %(names)s, or a dotted path."),
            names=", ".join(f'"{name}"' for name in plugin_type.paths),
        )
    return import_object(path)


def plugin_import_error(plugin_type: PluginType, error: ImportError) -> ConfigError:
    """Return the error for a missing package, or for a path that can't be imported."""
    module = (error.name or "").partition(".")[0]
    if module not in EXTRA_OF_MODULE:
        return import_error(plugin_type.id, plugin_type.option, error)
    return ConfigError(
        "django_cachex.E114",
        _("The %(option)s needs a package that is not installed."),
        _("Run: pip install django-cachex[%(extra)s]"),
        option=plugin_type.option,
        extra=EXTRA_OF_MODULE[module],
    )


def instantiate(plugin_type: PluginType, target: Any, arguments: Mapping[str, Any]) -> Any:
    """Call a class with its options; return an instance unchanged."""
    if not callable(target):
        if arguments:
            raise plugin_type.error(
                _("The %(option)s is an object, which can't have options."),
                _("Use its class instead, as in %(example)s."),
            )
        return target
    names = ", ".join(f"“{name}”" for name in arguments)
    accepted = get_parameter_names(target) if arguments else None
    if accepted is not None and (unknown := [name for name in arguments if name not in accepted]):
        raise plugin_type.error(
            _("The %(option)s has no option %(names)s."),
            _("Its options are %(known)s.") if accepted else _("It has no options."),
            names=", ".join(f"“{name}”" for name in unknown),
            known=", ".join(f"“{name}”" for name in accepted),
        )
    try:
        return target(**arguments)
    except TypeError as error:
        if arguments:
            message = _("The %(option)s can't be created with these options.")
            hint = _("Correct the values of %(names)s.")
        else:
            message = _("The %(option)s can't be created without options.")
            hint = _("Use a tuple of the class and its options, such as %(example)s.")
        raise plugin_type.error(message, hint, names=names) from error


def get_parameter_names(cls: Callable[..., Any]) -> list[str] | None:
    """Return the names of a class's parameters; None if it accepts any, or they are unknown."""
    try:
        accepted = inspect.signature(cls).parameters
    except (TypeError, ValueError):  # For example, a class that is written in C.
        return None
    accepts_any = any(one.kind is one.VAR_KEYWORD for one in accepted.values())
    return None if accepts_any else list(accepted)


async def call_async_safe(build: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return the result of `build`, which is called in a thread if it can't run on an event loop.

    For example, pickling a queryset evaluates it, which Django doesn't allow on an event loop.
    """
    try:
        return build(*args, **kwargs)
    except SynchronousOnlyOperation:
        return await sync_to_async(build)(*args, **kwargs)
