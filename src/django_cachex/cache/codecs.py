"""The serializers and compressors in OPTIONS: loading and combining them."""

from __future__ import annotations

import copyreg
import inspect
import pickletools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import Promise
from django.utils.module_loading import import_string

from django_cachex.cache.compressors import DEFAULT_MAX_SIZE, DEFAULT_MIN_SIZE, DecompressedTooLarge
from django_cachex.cache.serializers import (
    JSONSerializer,
    MsgPackSerializer,
    ORJSONSerializer,
    ORMsgPackSerializer,
    PickleSerializer,
    Serializer,
    UnreadableValue,
)
from django_cachex.cache.utils import gettext
from django_cachex.cache.utils import gettext_lazy as _
from django_cachex.commands.args import encode_arg

__all__ = ["BytesCompressor", "CompositeSerializer", "UnreadableValue"]


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
        """Read data that start like compressed data but can't be decompressed."""
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

    There are no jumps between opcodes, so only the lengths of their arguments are needed. The stack
    isn't tracked, so this function continues in some cases where `pickle.loads` raises an error.
    """
    position, has_mark = 0, False
    while position < len(data):
        code = data[position]
        if code not in OPCODES or code == ord("."):
            return False
        if is_import(data, position, has_mark):
            return True
        has_mark = has_mark or code == ord("(")
        position = find_opcode_end(data, position)
    return False


def is_import(data: bytes, position: int, has_mark: bool) -> bool:
    """Return whether the opcode at `position` imports something."""
    code = chr(data[position])
    if code in "ci":  # Arguments of two lines; `i` also needs a mark.
        return data.find(b"\n", position) > 0 and (code == "c" or has_mark)
    if code in "\x82\x83\x84":
        registered: dict[int, Any] = copyreg._inverted_registry  # type: ignore[attr-defined]
        number = int.from_bytes(data[position + 1 : find_opcode_end(data, position)], "little")
        return number in registered
    return code == "\x93"


def find_opcode_end(data: bytes, position: int) -> int:
    """Return the position after the opcode at `position` and its argument.

    If the argument is truncated, this is after the end of the data.
    """
    argument, start = OPCODES[data[position]].arg, position + 1
    if argument is None:
        return start
    if argument.n == LINE_ARGUMENT:
        end = data.find(b"\n", start)
        return len(data) if end < 0 else end + 1
    if argument.n in LENGTH_PREFIX_SIZES:
        size = LENGTH_PREFIX_SIZES[argument.n]
        length = int.from_bytes(data[start : start + size], "little")
        return start + size + length
    return start + argument.n


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
    paths: Mapping[str, str]
    """The dotted paths of the classes of this package, by their short names."""
    methods: tuple[str, ...]
    """The methods that an object must have."""
    usage: str | Promise
    """A sentence about these methods."""
    example: str
    """An example with options."""


SERIALIZER: Final = PluginType(
    "serializer",
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
        "recognizes(data), which returns whether the data start like compressed data."
    ),
    '"compressor": ("zstd", {"level": 9})',
)


class PluginError(ImproperlyConfigured):
    """The serializer or compressor in OPTIONS can't be used."""

    def __init__(self, message: str, hint: object) -> None:
        super().__init__(f"{message} {hint}")
        self.message = message
        self.hint = str(hint)


class MissingPackage(PluginError):
    """The package of a serializer or compressor is not installed."""


def quote_names(names: Iterable[str]) -> str:
    return ", ".join(f"“{name}”" for name in names)


def empty_list_error(plugin_type: PluginType) -> PluginError:
    return PluginError(
        gettext("“%(what)s” is an empty list.") % {"what": plugin_type.option},
        gettext("Remove it, or add at least one."),
    )


def invalid_spec_error(plugin_type: PluginType) -> PluginError:
    return PluginError(
        gettext("“%(what)s” is neither a name nor a tuple of a name and its options.")
        % {"what": plugin_type.option},
        gettext("Use a tuple, such as %(example)s, or a list of names or tuples.")
        % {"example": plugin_type.example},
    )


def unknown_name_error(plugin_type: PluginType) -> PluginError:
    return PluginError(
        gettext("There is no %(what)s of that name.") % {"what": plugin_type.option},
        gettext("Use one of %(names)s, or a dotted path.")
        % {"names": ", ".join(f'"{name}"' for name in plugin_type.paths)},
    )


def missing_methods_error(plugin_type: PluginType, methods: list[str]) -> PluginError:
    return PluginError(
        gettext("The %(what)s has no %(methods)s.")
        % {"what": plugin_type.option, "methods": ", ".join(f"{name}()" for name in methods)},
        plugin_type.usage,
    )


def not_a_class_error(plugin_type: PluginType) -> PluginError:
    return PluginError(
        gettext("The %(what)s is an object, which can't have options.")
        % {"what": plugin_type.option},
        gettext("Use its class instead, as in %(example)s.") % {"example": plugin_type.example},
    )


def unknown_options_error(
    plugin_type: PluginType, names: Iterable[str], known: Iterable[str]
) -> PluginError:
    option_names = quote_names(known)
    return PluginError(
        gettext("The %(what)s has no option %(names)s.")
        % {"what": plugin_type.option, "names": quote_names(names)},
        gettext("Its options are %(known)s.") % {"known": option_names}
        if option_names
        else gettext("It has no options."),
    )


def invalid_arguments_error(plugin_type: PluginType, names: Iterable[str]) -> PluginError:
    return PluginError(
        gettext("The %(what)s can't be created with these options.") % {"what": plugin_type.option},
        gettext("Correct the values of %(names)s.") % {"names": quote_names(names)},
    )


def missing_arguments_error(plugin_type: PluginType) -> PluginError:
    return PluginError(
        gettext("The %(what)s can't be created without options.") % {"what": plugin_type.option},
        gettext("Use a tuple of the class and its options, such as %(example)s.")
        % {"example": plugin_type.example},
    )


def import_error(plugin_type: PluginType, error: ImportError) -> PluginError:
    module = (error.name or "").partition(".")[0]
    if module in EXTRA_OF_MODULE:
        return MissingPackage(
            gettext("The %(what)s needs a package that is not installed.")
            % {"what": plugin_type.option},
            gettext("Run: pip install django-cachex[%(extra)s]")
            % {"extra": EXTRA_OF_MODULE[module]},
        )
    return PluginError(
        gettext("The %(what)s can't be imported: %(reason)s.")
        % {"what": plugin_type.option, "reason": f"{type(error).__name__}: {error}"},
        path_hint(error),
    )


def creation_error(plugin_type: PluginType, error: Exception) -> PluginError:
    """Return the error for an exception from a class or its module.

    It doesn't contain the exception's text, which may include secrets.
    """
    return PluginError(
        gettext("The %(what)s can't be created: %(reason)s.")
        % {"what": plugin_type.option, "reason": type(error).__name__},
        gettext("Import it in a shell to see the error."),
    )


def path_hint(error: ImportError) -> str:
    """Return the hint for a dotted path that could not be imported."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return gettext(
            "Install the package that contains the module “%(module)s”, or correct the path."
        ) % {"module": error.name.partition(".")[0]}
    return gettext("Correct the path. It consists of the module, a dot, and the class.")


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
        raise empty_list_error(plugin_type)
    return [load_plugin(plugin_type, one) for one in spec]


def load_plugin(plugin_type: PluginType, spec: Any) -> Any:
    """Return one serializer or compressor.

    Args:
        spec: a short name, a class, a dotted path or an instance; or a tuple of one of the first
            three and a dictionary of options for the constructor.

    Raises:
        PluginError: it can't be used.
    """
    target, arguments = split_spec(plugin_type, spec)
    try:
        plugin = instantiate(plugin_type, import_named(plugin_type, target), arguments)
    except ImproperlyConfigured:
        raise
    except Exception as error:  # Modules and constructors may raise any exception.
        raise creation_error(plugin_type, error) from error
    missing = [name for name in plugin_type.methods if not callable(getattr(plugin, name, None))]
    if missing:
        raise missing_methods_error(plugin_type, missing)
    return plugin


def split_spec(plugin_type: PluginType, spec: Any) -> tuple[Any, Mapping[str, Any]]:
    """Return the name, class or instance, and the options."""
    if not isinstance(spec, (tuple, dict)):
        return spec, {}
    match spec:
        case (target, dict() as arguments) if all(isinstance(name, str) for name in arguments):
            return target, arguments
        case _:
            raise invalid_spec_error(plugin_type)


def import_named(plugin_type: PluginType, target: Any) -> Any:
    """Return the object for a short name or a dotted path; return other objects unchanged."""
    if not isinstance(target, str):
        return target
    if "." not in target and target not in plugin_type.paths:
        raise unknown_name_error(plugin_type)
    try:
        return import_string(plugin_type.paths.get(target, target))
    except ImportError as error:
        raise import_error(plugin_type, error) from error


def instantiate(plugin_type: PluginType, target: Any, arguments: Mapping[str, Any]) -> Any:
    """Call a class with its options; return an instance unchanged."""
    if not callable(target):
        if arguments:
            raise not_a_class_error(plugin_type)
        return target
    accepted = get_parameter_names(target)
    if accepted is not None and (unknown := [name for name in arguments if name not in accepted]):
        raise unknown_options_error(plugin_type, unknown, accepted)
    try:
        return target(**arguments)
    except ImportError as error:
        raise import_error(plugin_type, error) from error
    except TypeError as error:
        raise (
            invalid_arguments_error(plugin_type, arguments)
            if arguments
            else missing_arguments_error(plugin_type)
        ) from error


def get_parameter_names(cls: Callable[..., Any]) -> list[str] | None:
    """Return the names of a class's parameters; None if it accepts any, or they are unknown."""
    try:
        accepted = inspect.signature(cls).parameters
    except (TypeError, ValueError):  # For example, a class that is written in C.
        return None
    accepts_any = any(one.kind is one.VAR_KEYWORD for one in accepted.values())
    return None if accepts_any else list(accepted)
