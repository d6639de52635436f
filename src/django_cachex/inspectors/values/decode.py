"""Decode stored bytes for display, without executing anything."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from binascii import Error as NoBase64
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from django.utils.crypto import salted_hmac
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from django_cachex.cache.serializers import JSONSerializer, Packed, PickleSerializer
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.values.display import (
    Excerpt,
    beginning,
    bytes_as_hex,
    bytes_as_text,
    human_size,
    notation,
    unbroken_size,
)
from django_cachex.inspectors.values.formats import Codec, Format, Inflated, inflate, unopened
from django_cachex.inspectors.values.json_safe import TOO_MANY_DIGITS, why_not_json
from django_cachex.inspectors.values.msgpack import read_packed
from django_cachex.inspectors.values.nodes import Opaque, Reference, Tree
from django_cachex.inspectors.values.parse import Editing, StoreAs, editing, json_text
from django_cachex.inspectors.values.pickle import Pickled, bounded, read_pickle
from django_cachex.inspectors.values.pickle_machine import LIMIT, Bounds, most_digits

Kind = Literal["empty", "integer", "text", "json", "bytes", "pickle", "msgpack", "large"]

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
        case Opaque(name="builtins.int", args=(str() as written,)) if (
            written.lstrip("-")[:2] == "0x"
        ):
            return _("a very large integer")
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


JSON_BEGINS = re.compile(rb"[ \t\r\n]*[{\[]")
BASE64 = re.compile(rb"[A-Za-z0-9+/]{8,}={0,2}[\r\n]*")

PHP_SCALAR = re.compile(
    rb"(?:i:-?[0-9]{1,20}|b:[01]|d:(?:-?[0-9.]+(?:E[+-]?[0-9]+)?|-?INF|NAN)|N);"
)
PHP_TEXT = re.compile(rb's:([0-9]{1,10}):"')
PHP_NESTED = re.compile(rb'(?:a:[0-9]{1,10}:\{|[OC]:[0-9]{1,4}:"[\w\\]+":[0-9]{1,10}:\{)')

JAVA = b"\xac\xed\x00\x05"
HYPERLOGLOG = b"HYLL"


def named(raw: bytes) -> Text:
    """Return the name of a format that is recognised by how it begins and ends, or ""."""
    if raw.startswith(JAVA):
        return _("serialized Java")
    if raw.startswith(HYPERLOGLOG):
        return _("HyperLogLog")
    return _("serialized PHP") if is_php(raw) else ""


def is_php(raw: bytes) -> bool:
    """Return whether these are what PHP's `serialize` writes."""
    if found := PHP_TEXT.match(raw):
        return len(raw) == found.end() + int(found[1]) + 2 and raw.endswith(b'";')
    if PHP_NESTED.match(raw):
        return raw.endswith(b"}")
    return PHP_SCALAR.fullmatch(raw) is not None


def as_plain_json(raw: bytes) -> tuple[Text, str] | None:
    """Return a label and JSON indented where bytes are an object or an array, or base64 of one."""
    if shown := indented(raw):
        return _("JSON"), shown
    if not BASE64.fullmatch(raw):
        return None
    try:
        shown = indented(b64decode(raw))
    except NoBase64:
        return None
    return (_("base64 of JSON"), shown) if shown else None


def indented(raw: bytes) -> str:
    """Return JSON indented, or "" for what is none, or would not be shown whole and exact."""
    if not JSON_BEGINS.match(raw):
        return ""
    try:
        value = json.loads(raw.decode(), object_pairs_hook=without_duplicates)
    except (ValueError, RecursionError):
        return ""
    tree, _nodes = bounded(value, Bounds())
    return "" if why_not_json(tree) else json_text(tree)


def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; raise ValueError where a key occurs twice, and one would not show."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("A key occurs twice.")
    return found


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
        else _("pickle (protocol {protocol}), partly read")
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
        label: Text = _("MessagePack, partly read")
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


INTEGER = re.compile(rb"-?[0-9]+")


def decoded(raw: bytes, codec: Codec, limit: int) -> Decoded:
    """Return what the application would read, or else what the bytes look like."""
    return as_application(raw, codec, limit) or as_stored(raw, codec, limit)


def undecoded(total: int, limit: int, window: bytes) -> Decoded:
    """Return what can be said of a value of which only the beginning is known."""
    reason = format_lazy(
        _("Not decoded: {size} exceeds the limit of {limit}."),
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
        note = format_lazy(
            _("This number has {count} digits, more than Python can read."), count=f"{count:,}"
        )
        return Decoded("text", _("text"), digits, Editing(TOO_MANY_DIGITS), raw, (note,))
    number = int(digits)
    same = str(number) == digits
    form = (
        editing(number)
        if same
        else Editing(_("Saving it would change how its digits are written."))
    )
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
            _("Not decoded: its decompressed size exceeds the limit of {limit}."),
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
    broken = _("The compressed data is incomplete, or is followed by other data.")
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
        return "bytes", format_lazy(
            _("{name}-compressed bytes, not decompressed"), name=compression
        )
    name = named(raw)
    try:
        raw.decode()
    except UnicodeDecodeError:
        return "bytes", name or _("bytes")
    return "text", name or _("text")


def unreadable(codec: Codec) -> Text:
    match codec.kind:
        case "pickle":
            return _(
                "This cache stores pickles, but this value isn't a pickle, so it can't be read."
            )
        case "json":
            return _("This cache stores JSON, but this value isn't JSON, so it can't be read.")
        case "msgpack":
            return _(
                "This cache stores MessagePack, but this value isn't MessagePack, so it can't be "
                "read."
            )
        case "opaque":
            return format_lazy(
                _("The format of {name} is unknown, so values are shown as they are stored."),
                name=codec.name,
            )


def as_text(raw: bytes) -> str:
    return raw.decode(errors="backslashreplace")


@dataclass(frozen=True, slots=True)
class Content:
    """What a stored string holds. No text in it is escaped for HTML: templates do that."""

    kind: Kind
    label: str | Promise
    """What it is, in words: "JSON in a pickle (protocol 5)"."""

    stored_size: int
    """Bytes."""

    formatted: Excerpt
    """The value: text as itself, JSON's types as indented JSON, others in a notation like Python's.
    Counted in characters."""

    text: Excerpt
    """The stored bytes as UTF-8, with backslash escapes. Counted in bytes."""

    hex: Excerpt
    """The stored bytes as a hex dump. Counted in bytes."""

    notes: tuple[str | Promise, ...]
    """Sentences about what is missing or damaged."""

    why_not: str | Promise
    """A sentence saying why the value cannot be edited, or ""."""

    edit_text: str
    """What a form is filled with: `encode(edit_text, store_as)` is the value again."""

    store_as: StoreAs

    value: Tree
    """What was decoded, as plain data where it is plain; None where nothing was."""

    @property
    def editable(self) -> bool:
        """Whether saving what the form is filled with changes nothing."""
        return not self.why_not


def decode(
    raw: bytes,
    *,
    codec: Codec,
    stored_size: int | None = None,
    limit: int = LIMIT,
    preview: int = 5000,
) -> Content:
    """Return what stored bytes hold, whatever they are; nothing of them is executed.

    `stored_size` is the value's size in bytes where `raw` is only its beginning. Values of more
    than `limit` bytes, stored or decompressed, are not decoded. `preview` bounds each view: bytes
    of what is stored, characters of what was decoded.
    """
    total = max(len(raw), stored_size or 0)
    whole = len(raw) == total <= limit
    found = decoded(raw, codec, limit) if whole else undecoded(total, limit, raw[:preview])
    text = bytes_as_text(raw, total, preview)
    return Content(
        kind=found.kind,
        label=found.label,
        stored_size=total,
        formatted=beginning(found.formatted, preview, found.open_ended) if whole else text,
        text=text,
        hex=bytes_as_hex(raw, total, preview),
        notes=found.notes,
        why_not=found.editing.why_not,
        edit_text=found.editing.text,
        store_as=found.editing.store_as,
        value=found.value,
    )


def fingerprint(raw: bytes) -> str:
    """Return sixteen hexadecimal digits that differ for different bytes and tell nothing of them.

    They are keyed with the project's `SECRET_KEY`: without it, nobody can try out guesses.
    """
    return salted_hmac("django_cachex.fingerprint", raw, algorithm="sha256").hexdigest()[:16]
