"""What a stored string holds, for people to read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from django_cachex.cache.serializers import JSONSerializer, PickleSerializer
from django_cachex.cache.serializers.packed import Packed
from django_cachex.inspectors.content.codec import Codec, Format
from django_cachex.inspectors.content.compression import Inflated, inflate, unopened
from django_cachex.inspectors.content.editing import Editing, editing, json_text
from django_cachex.inspectors.content.excerpt import human_size, unbroken_size
from django_cachex.inspectors.content.notation import notation
from django_cachex.inspectors.content.packed import read_packed
from django_cachex.inspectors.pickles import (
    Bounds,
    Opaque,
    Pickled,
    Reference,
    Tree,
    bounded,
    read_pickle,
    why_not_json,
)
from django_cachex.inspectors.pickles.bounds import most_digits

Kind = Literal["empty", "integer", "text", "json", "bytes", "pickle", "msgpack", "large"]
Text = str | Promise

INTEGER = re.compile(rb"-?[0-9]+")

# The first two bytes of every pickle of protocol 2 to 5.
PICKLES = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))

JSON_WORDS: dict[type, Text] = {
    type(None): _("None"),
    bool: _("boolean"),
    float: _("number"),
    list: _("JSON"),
    dict: _("JSON"),
}


@dataclass(frozen=True, slots=True)
class Decoded:
    """What stored bytes turned out to be."""

    kind: Kind
    label: Text
    formatted: str
    editing: Editing
    value: Tree = None
    notes: tuple[Text, ...] = ()
    open_ended: bool = False
    """Whether there is more than `formatted`, and nobody knows how much."""


def decoded(raw: bytes, codec: Codec, limit: int) -> Decoded:
    """Return what the application would read, or else what the bytes look like."""
    return as_application(raw, codec, limit) or as_stored(raw, codec, limit)


def undecoded(total: int, limit: int, window: bytes) -> Decoded:
    """Return what can be said of a value of which only the beginning is known."""
    reason = format_lazy(
        _("It is not decoded: {size} is more than the limit of {limit}."),
        size=human_size(total),
        limit=human_size(limit),
    )
    label = format_lazy(_("not decoded, {size}"), size=human_size(total))
    return Decoded("large", label, as_text(window), Editing(reason), notes=(reason,))


# As the application reads it.


def as_application(raw: bytes, codec: Codec, limit: int) -> Decoded | None:
    """Return what the alias's serializer would load, or None if it could not."""
    if codec.loads_ints and INTEGER.fullmatch(raw) and len(raw) <= most_digits():
        number = int(raw)
        return Decoded("integer", _("integer"), str(number), editing(number), number)
    inflated = inflate(raw, limit) if codec.compression or codec.opens else None
    if inflated and inflated.name in (codec.compression, *codec.opens):
        return opened(inflated, raw, codec, limit)
    return as_serialized(raw, codec, limit)


def as_serialized(raw: bytes, codec: Codec, limit: int) -> Decoded | None:
    """Return what the first of its serializers loads that can."""
    for format in (codec.kind, *codec.reads):
        read = FORMATS.get(format)
        # Of several, the application asks those that could have written it.
        if read is None or (codec.reads and not RECOGNISES[format](raw)):
            continue
        if found := read(raw, limit):
            return found
    is_damaged = codec.reads and "pickle" in (codec.kind, *codec.reads) and raw[:2] in PICKLES
    return as_pickle(raw, limit) if is_damaged else None


def as_pickle(raw: bytes, limit: int) -> Decoded | None:
    pickled = read_pickle(raw, Bounds(size=limit))
    if pickled.damaged and not raw.startswith(PICKLES):
        return None
    if pickled.ended:
        return partly(pickled)
    kind, what = described(pickled.value)
    pattern = (
        _("pickle of {what} (protocol {protocol})")
        if kind == "pickle"
        else _("{what} in a pickle (protocol {protocol})")
    )
    label = format_lazy(pattern, what=what, protocol=pickled.protocol)
    return Decoded(kind, label, formatted(pickled.value), editing(pickled.value), pickled.value)


def partly(pickled: Pickled) -> Decoded:
    """Return what was read of a pickle that is damaged or too long."""
    pattern = (
        _("damaged pickle (protocol {protocol})")
        if pickled.damaged
        else _("pickle (protocol {protocol}), read in part")
    )
    label = format_lazy(pattern, protocol=pickled.protocol)
    shown = notation(pickled.value)
    return Decoded("pickle", label, shown, Editing(pickled.ended), pickled.value, (pickled.ended,))


def as_json(raw: bytes, limit: int) -> Decoded | None:
    try:
        text = raw.decode()
        plain = json.loads(text)
    except (ValueError, RecursionError):
        return None
    tree, _nodes = bounded(plain, Bounds(size=limit))
    kind, what = described(tree)
    if kind == "pickle":
        # NaN, or more than the bounds let out.
        return Decoded("json", _("JSON"), text, editing(tree), tree)
    label = what if type(tree) in (list, dict) else format_lazy(_("{what} in JSON"), what=what)
    return Decoded(kind, label, formatted(tree), editing(tree), tree)


def as_msgpack(raw: bytes, limit: int) -> Decoded | None:
    bounds = Bounds(size=limit)
    try:
        packed = read_packed(raw, bounds)
    except ValueError:
        return None
    tree, _nodes = bounded(packed.value, bounds)
    if packed.ended:
        label: Text = _("MessagePack, read in part")
        reason = Editing(packed.ended)
        return Decoded("msgpack", label, notation(tree), reason, tree, (packed.ended,))
    kind, what = described(tree)
    if kind == "pickle":
        label = format_lazy(_("MessagePack of {what}"), what=what)
        return Decoded("msgpack", label, formatted(tree), editing(tree), tree)
    label = format_lazy(_("{what} in MessagePack"), what=what)
    return Decoded(kind, label, formatted(tree), editing(tree), tree)


FORMATS: dict[Format, Callable[[bytes, int], Decoded | None]] = {
    "pickle": as_pickle,
    "json": as_json,
    "msgpack": as_msgpack,
}


RECOGNISES: dict[Format, Callable[[bytes], bool]] = {
    "pickle": PickleSerializer().recognises,
    "json": JSONSerializer().recognises,
    "msgpack": Packed().recognises,
}


def opened(inflated: Inflated, raw: bytes, codec: Codec, limit: int) -> Decoded:
    """Return what compressed bytes hold; editable only if all of it is there."""
    if inflated.cut:
        label = format_lazy(
            _("{name}-compressed, {stored} → more than {limit}"),
            name=inflated.name,
            stored=unbroken_size(len(raw)),
            limit=unbroken_size(limit),
        )
        reason = format_lazy(
            _("It is not decoded: opened, it is more than the limit of {limit}."),
            limit=human_size(limit),
        )
        shown = as_text(inflated.data)
        return Decoded("large", label, shown, Editing(reason), notes=(reason,), open_ended=True)
    inner = as_serialized(inflated.data, codec, limit) or plain(inflated.data, codec)
    label = format_lazy(
        _("{name}-compressed {inner}, {stored} → {opened} ({percent}\N{NO-BREAK SPACE}%)"),
        name=inflated.name,
        inner=inner.label,
        stored=unbroken_size(len(raw)),
        opened=unbroken_size(len(inflated.data)),
        percent=max(1, round(100 * len(raw) / max(1, len(inflated.data)))),
    )
    if inflated.whole:
        return replace(inner, label=label)
    broken = _("The compressed data end early, or something follows them.")
    return replace(inner, label=label, editing=Editing(broken), notes=(broken, *inner.notes))


# As it is stored.


def as_stored(raw: bytes, codec: Codec, limit: int) -> Decoded:
    """Return what bytes look like that the application does not read, or we do not know how."""
    inflated = inflate(raw, limit)
    # Text may begin like zlib's data, and some of it may even open.
    if inflated and (inflated.whole or looks_like(raw)[0] == "bytes"):
        shown = opened(inflated, raw, codec, limit)
        return replace(shown, editing=Editing(unreadable(codec)))
    return plain(raw, codec)


def plain(raw: bytes, codec: Codec) -> Decoded:
    kind, label = looks_like(raw)
    return Decoded(kind, label, as_text(raw), Editing(unreadable(codec)), raw)


def looks_like(raw: bytes) -> tuple[Kind, Text]:
    if not raw:
        return "empty", _("empty")
    compression = unopened(raw)
    if compression:
        return "bytes", format_lazy(_("{name}-compressed bytes, not opened"), name=compression)
    try:
        raw.decode()
    except UnicodeDecodeError:
        return "bytes", _("bytes")
    return "text", _("text")


def as_text(raw: bytes) -> str:
    return raw.decode(errors="backslashreplace")


def unreadable(codec: Codec) -> Text:
    match codec.kind:
        case "pickle":
            return _("This cache stores pickles, and this is not one: it cannot be read.")
        case "json":
            return _("This cache stores JSON, and this is none: it cannot be read.")
        case "msgpack":
            return _("This cache stores MessagePack, and this is none: it cannot be read.")
        case "opaque":
            return format_lazy(
                _("How {name} stores values is not known here: they are shown as stored."),
                name=codec.name,
            )


# As a value.


def described(tree: Tree) -> tuple[Kind, Text]:
    """Return a value's kind and a word for it."""
    match tree:
        case bool() | None:
            return "json", JSON_WORDS[type(tree)]
        case int():
            return "integer", _("integer")
        case str():
            return "text", _("text")
        case bytes():
            return "bytes", _("bytes")
        case _ if not why_not_json(tree):
            return "json", JSON_WORDS[type(tree)]
        case _:
            return "pickle", type_name(tree)


def type_name(tree: Tree) -> Text:
    match tree:
        case Opaque(name=name):
            return name
        case Reference(name=name):
            return format_lazy(_("a reference to {name}"), name=name)
        case _:
            return type(tree).__name__


def formatted(tree: Tree) -> str:
    if type(tree) is str:
        return tree
    return notation(tree) if why_not_json(tree) else json_text(tree)
