"""Pickles, JSON and MessagePack, for people to read."""

from __future__ import annotations

import json
from collections.abc import Callable

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from django_cachex.cache.serializers import JSONSerializer, PickleSerializer
from django_cachex.cache.serializers.packed import Packed
from django_cachex.inspectors.content.codec import Codec, Format
from django_cachex.inspectors.content.decoded import Decoded, Text, described, formatted
from django_cachex.inspectors.content.editing import Editing, editing
from django_cachex.inspectors.content.notation import notation
from django_cachex.inspectors.content.packed import read_packed
from django_cachex.inspectors.pickles import Bounds, Opaque, Pickled, bounded, read_pickle
from django_cachex.inspectors.pickles.bounds import most_digits

# The first two bytes of every pickle of protocol 2 to 5.
PICKLES = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))


def as_serialized(raw: bytes, codec: Codec, limit: int) -> Decoded | None:
    """Return what the first of its serializers loads that can."""
    for format in (codec.kind, *codec.reads):
        read = FORMATS.get(format)
        if read and is_asked(codec, format, raw) and (found := read(raw, limit)):
            return found
    is_damaged = codec.reads and "pickle" in (codec.kind, *codec.reads) and raw[:2] in PICKLES
    return as_pickle(raw, limit) if is_damaged else None


def is_asked(codec: Codec, format: Format, raw: bytes) -> bool:
    """Return whether the application lets a serializer of this format read a value."""
    if codec.reads:  # Of several, those that could have written it.
        return RECOGNISES[format](raw)
    return not codec.is_guarded or raw[:1] == b"\x80"


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
        plain = json.loads(text, parse_int=whole)
    except (ValueError, RecursionError):
        return None
    tree, _nodes = bounded(plain, Bounds(size=limit))
    kind, what = described(tree)
    if kind == "pickle":
        # NaN, an integer of too many digits, or more than the bounds let out.
        return Decoded("json", _("JSON"), text, editing(tree), tree)
    label = what if type(tree) in (list, dict) else format_lazy(_("{what} in JSON"), what=what)
    return Decoded(kind, label, formatted(tree), editing(tree), tree)


def whole(digits: str) -> int | Opaque:
    """Return the integer that JSON says; of too many digits, a label."""
    if len(digits.lstrip("-")) > most_digits():
        return Opaque("builtins.int", (digits,))
    return int(digits)


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
