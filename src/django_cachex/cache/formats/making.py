"""From what OPTIONS say to objects. What is wrong raises `WrongFormat`, or ImproperlyConfigured."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from django_cachex.cache.codec import ValueCodec
from django_cachex.cache.formats import wrong
from django_cachex.cache.formats.kinds import COMPRESSOR, SERIALIZER, Kind
from django_cachex.cache.serializers import Serializer


def make_codec(options: Mapping[str, Any]) -> Serializer:
    """Return what makes bytes of values, as OPTIONS say.

    A serializer that is the only one, without a compressor, is returned as it is.
    """
    serializers = make_all(SERIALIZER, options) or [make(SERIALIZER, "pickle")]
    compressors = make_all(COMPRESSOR, options)
    if len(serializers) == 1 and not compressors:
        only: Serializer = serializers[0]
        return only
    return ValueCodec(serializers, compressors)


def make_all(kind: Kind, options: Mapping[str, Any]) -> list[Any]:
    """Return what OPTIONS name of one kind, the one that writes first."""
    given = options.get(kind.option)
    if given is None:
        return []
    if not isinstance(given, list):
        return [make(kind, given)]
    if not given:
        raise wrong.empty(kind)
    return [make(kind, one) for one in given]


def make(kind: Kind, given: Any) -> Any:
    """Return one serializer or compressor.

    `given` is its short name, its class, the dotted path of that, or an instance; or a tuple of
    one of the first three and a dict of what the class is called with.
    """
    named, arguments = parted(kind, given)
    try:
        made = called(kind, found(kind, named), arguments)
    except ImproperlyConfigured:
        raise
    except Exception as error:  # Importing a module, and making an object, may raise anything.
        raise wrong.failing(kind, error) from error
    lacks = [name for name in kind.methods if not callable(getattr(made, name, None))]
    if lacks:
        raise wrong.lacking(kind, lacks)
    return made


def parted(kind: Kind, given: Any) -> tuple[Any, Mapping[str, Any]]:
    """Return what was named, and its options."""
    if not isinstance(given, (tuple, dict)):
        return given, {}
    match given:
        case (named, dict() as arguments) if all(isinstance(name, str) for name in arguments):
            return named, arguments
        case _:
            raise wrong.neither(kind)


def found(kind: Kind, named: Any) -> Any:
    """Return what a short name or a dotted path stands for, and anything else as it is."""
    if not isinstance(named, str):
        return named
    if "." not in named and named not in kind.paths:
        raise wrong.nameless(kind)
    try:
        return import_string(kind.paths.get(named, named))
    except ImportError as error:
        raise wrong.unimported(kind, error) from error


def called(kind: Kind, given: Any, arguments: Mapping[str, Any]) -> Any:
    """Return what a class makes of its options, or an instance as it is."""
    if not callable(given):
        if arguments:
            raise wrong.no_class(kind)
        return given
    takes = parameters(given)
    if takes is not None and (unknown := [name for name in arguments if name not in takes]):
        raise wrong.unknown(kind, unknown, takes)
    try:
        return given(**arguments)
    except ImportError as error:
        raise wrong.unimported(kind, error) from error
    except TypeError as error:
        raise (wrong.unfit(kind, arguments) if arguments else wrong.needy(kind)) from error


def parameters(kind: Callable[..., Any]) -> list[str] | None:
    """Return the names of what a class is called with; None where it takes any, or does not say."""
    try:
        takes = inspect.signature(kind).parameters
    except (TypeError, ValueError):  # Of a class in C, perhaps.
        return None
    anything = any(one.kind is one.VAR_KEYWORD for one in takes.values())
    return None if anything else list(takes)
