"""What a stored string holds, for people to read."""

from __future__ import annotations

import re
from dataclasses import replace

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from django_cachex.inspectors.content.codec import Codec
from django_cachex.inspectors.content.compression import Inflated, inflate, unopened
from django_cachex.inspectors.content.decoded import Decoded, Kind, Text
from django_cachex.inspectors.content.editing import Editing, editing
from django_cachex.inspectors.content.excerpt import human_size, unbroken_size
from django_cachex.inspectors.content.guesses import as_plain_json, named
from django_cachex.inspectors.content.serialized import as_serialized
from django_cachex.inspectors.pickles.bounds import most_digits
from django_cachex.inspectors.pickles.exactness import TOO_MANY_DIGITS

INTEGER = re.compile(rb"-?[0-9]+")


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
    if codec.loads_ints and INTEGER.fullmatch(raw):
        return as_integer(raw)
    inflated = inflate(raw, limit) if codec.compression or codec.opens else None
    if inflated and inflated.name in (codec.compression, *codec.opens):
        return opened(inflated, raw, codec, limit)
    return as_serialized(raw, codec, limit)


def as_integer(raw: bytes) -> Decoded:
    """Return the integer that digits say; of too many, the digits, which nobody reads."""
    digits = raw.decode()
    count = len(digits.lstrip("-"))
    if count > most_digits():
        note = format_lazy(_("A number of {count} digits: Python reads fewer."), count=f"{count:,}")
        return Decoded("text", _("text"), digits, Editing(TOO_MANY_DIGITS), raw, (note,))
    number = int(digits)
    same = str(number) == digits
    form = editing(number) if same else Editing(_("Its digits would be written otherwise."))
    return Decoded("integer", _("integer"), digits, form, number)


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
    editing = Editing(unreadable(codec))
    guessed = as_plain_json(raw) if codec.name else None  # Names are what they are.
    if guessed:
        label, shown = guessed
        return Decoded("json", label, shown, editing, raw)
    kind, label = looks_like(raw)
    return Decoded(kind, label, as_text(raw), editing, raw)


def looks_like(raw: bytes) -> tuple[Kind, Text]:
    if not raw:
        return "empty", _("empty")
    compression = unopened(raw)
    if compression:
        return "bytes", format_lazy(_("{name}-compressed bytes, not opened"), name=compression)
    name = named(raw)
    try:
        raw.decode()
    except UnicodeDecodeError:
        return "bytes", name or _("bytes")
    return "text", name or _("text")


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


def as_text(raw: bytes) -> str:
    return raw.decode(errors="backslashreplace")
