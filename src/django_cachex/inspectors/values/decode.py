"""Decode stored bytes for display without executing anything."""

from __future__ import annotations

import binascii
import hmac
import json
import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from hashlib import sha256
from typing import Any, Final, Literal

from django.conf import settings
from django.utils.encoding import force_bytes
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from django_cachex.cache.serializers import BaseMsgPackSerializer, JSONSerializer, PickleSerializer
from django_cachex.conf import limits
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.values.display import (
    Preview,
    format_value,
    hex_dump,
    human_size,
    nbsp_size,
    preview_bytes,
    preview_text,
)
from django_cachex.inspectors.values.formats import (
    Decompressed,
    Format,
    ValueFormat,
    decompress,
    foreign_format,
    unsupported_compression,
)
from django_cachex.inspectors.values.msgpack import read_msgpack
from django_cachex.inspectors.values.parse import (
    TOO_MANY_DIGITS,
    EditInitial,
    StoreAs,
    edit_initial,
    format_json,
    json_unsafe_reason,
)
from django_cachex.inspectors.values.pickle import read_pickle
from django_cachex.inspectors.values.tree import (
    MAX_DECODE_BYTES,
    PLAIN_TYPES,
    DecodeLimits,
    ObjectTreeBuilder,
    Reference,
    Tree,
    UnresolvedObject,
    max_int_digits,
    to_tree,
)

DEFAULT_PREVIEW_SIZE: Final = 5000

Kind = Literal["empty", "integer", "text", "json", "bytes", "pickle", "msgpack", "large"]


@dataclass(frozen=True)
class Content:
    """A decoded value: a string, or an element of a collection.

    Its texts aren't escaped for HTML. They are made when they are first used.
    """

    kind: Kind
    label: Text
    """A description such as "JSON in a pickle (protocol 5)"."""

    value: Tree = None
    """The decoded value as plain data as far as possible.

    It is the stored bytes if the format is unknown, and None if the value is too large to decode.
    """

    json_unsafe_reason: Text = ""
    """A sentence that explains why JSON can't represent the value, or an empty string."""

    read_only_reason: Text = ""
    """A sentence that explains why the value can't be edited even if JSON can represent it."""

    notes: tuple[Text, ...] = ()
    """Sentences about missing or damaged parts."""

    shown_as: str | None = None
    """The formatted value, if it isn't made from `value`."""

    open_ended: bool = False
    """Whether there is more than `shown_as` and it is unknown how much."""

    raw: bytes = b""
    """The stored bytes, or the start of them. Empty for objects of the current process."""

    stored_size: int = 0
    """The stored size in bytes."""

    preview_size: int = DEFAULT_PREVIEW_SIZE
    """The maximum length of each view, in bytes (in characters if decoded)."""

    @property
    def full_text(self) -> str:
        """The formatted value of any length, with unprintable characters."""
        if self.shown_as is not None:
            return self.shown_as
        if type(self.value) is str:
            return self.value
        return format_value(self.value) if self.json_unsafe_reason else format_json(self.value)

    @property
    def is_decoded(self) -> bool:
        """Whether the whole value could be decoded, or is text anyway."""
        return not self.notes and not (self.kind == "bytes" and self.shown_as is not None)

    @cached_property
    def formatted(self) -> Preview:
        """The formatted value, measured in characters.

        Text is unchanged, JSON types are indented JSON, and other types have a syntax similar to
        Python. A value that is too large to decode is the same as in `text`.
        """
        if self.kind == "large" and not self.open_ended:
            return self.text
        return preview_text(self.full_text, self.preview_size, self.open_ended)

    @cached_property
    def text(self) -> Preview:
        """The stored bytes as UTF-8 with backslash escapes, measured in bytes."""
        return preview_bytes(self.raw, self.stored_size, self.preview_size)

    @cached_property
    def hex(self) -> Preview:
        """The stored bytes as a hex dump, measured in bytes."""
        start = self.raw[: self.preview_size]
        return Preview(hex_dump(start), len(start), self.stored_size)

    @cached_property
    def initial(self) -> EditInitial:
        """The initial data of a form, or why there is none."""
        reason = self.read_only_reason or self.json_unsafe_reason
        return EditInitial(reason) if reason else edit_initial(self.value)

    @property
    def not_editable_reason(self) -> Text:
        """A sentence that explains why the value can't be edited, or an empty string."""
        return self.initial.not_editable_reason

    @property
    def editable(self) -> bool:
        """Whether saving the unchanged form stores the same value."""
        return not self.not_editable_reason

    @property
    def edit_text(self) -> str:
        """The initial text of a form: `parse_value(edit_text, store_as)` returns the value."""
        return self.initial.text

    @property
    def store_as(self) -> StoreAs:
        return self.initial.store_as


@dataclass(frozen=True)
class LargeObject(Content):
    """The start of text or bytes of the current process that are too large to process."""

    total: int = 0
    """The number of characters or bytes."""

    @cached_property
    def formatted(self) -> Preview:
        text = preview_text(self.full_text, self.preview_size).text
        return Preview(text, self.preview_size, self.total)


def decode(
    raw: bytes,
    *,
    value_format: ValueFormat,
    stored_size: int | None = None,
    limit: int = MAX_DECODE_BYTES,
    preview_size: int = DEFAULT_PREVIEW_SIZE,
) -> Content:
    """Decode stored bytes for display. Accepts any bytes and executes nothing.

    Args:
        raw: the stored bytes, or the start of them.
        value_format: how the alias stores values.
        stored_size: the size of the value in bytes if `raw` is incomplete.
        limit: the maximum size of a value to decode in bytes, also after decompression.
        preview_size: the maximum length of each view, in bytes (in characters if decoded).
    """
    total = max(len(raw), stored_size or 0)
    is_complete = len(raw) == total <= limit
    content = (
        decode_value(raw, value_format, limit) if is_complete else describe_too_large(total, limit)
    )
    return replace(content, raw=raw, stored_size=total, preview_size=preview_size)


def decode_value(raw: bytes, value_format: ValueFormat, limit: int) -> Content:
    """Decode a value as the application would, or guess what it is."""
    if decoded := decode_for_application(raw, value_format, limit):
        return decoded
    decompressed = decompress(raw, limit)
    # Text can start like zlib data, and can even be decompressed in part.
    if decompressed and (decompressed.complete or guess_kind(raw)[0] == "bytes"):
        decoded = decode_compressed(decompressed, raw, value_format, limit)
        return replace(decoded, read_only_reason=value_format.unreadable_reason)
    return describe_raw(raw, value_format)


def describe_too_large(total: int, limit: int) -> Content:
    """Return the description of a value of which only the start is known."""
    reason = format_lazy(
        _("Not decoded: {size} exceeds the limit of {limit}."),
        size=human_size(total),
        limit=human_size(limit),
    )
    label = format_lazy(_("not decoded, {size}"), size=human_size(total))
    return Content("large", label, read_only_reason=reason, notes=(reason,))


def displayed_text(raw: bytes, value_format: ValueFormat, limit: int) -> str:
    """Return the formatted value, or the start of one that is too large to decode."""
    if len(raw) > limit:
        return escape_bytes(raw[:limit])
    return decode_value(raw, value_format, limit).full_text


# As the application reads the value.

STORED_INTEGER: Final = re.compile(rb"-?[0-9]+")

MAX_FLOAT_LENGTH: Final = 400
"""The maximum length in bytes of a number to read: longer ones are no `repr` of a float."""


def decode_for_application(raw: bytes, value_format: ValueFormat, limit: int) -> Content | None:
    """Return the value that the alias's serializer would load, or None if it couldn't."""
    if value_format.loads_ints and STORED_INTEGER.fullmatch(raw):
        return decode_integer(raw)
    if value_format.loads_floats and (number := decode_float(raw)):
        return number
    if value_format.markers:
        return decode_marked(raw, value_format, limit)
    compressions = (value_format.compression, *value_format.other_compressions)
    decompressed = decompress(raw, limit) if any(compressions) else None
    if decompressed and decompressed.name in compressions:
        return decode_compressed(decompressed, raw, value_format, limit)
    return decode_serialized(raw, value_format, limit)


def decode_marked(raw: bytes, value_format: ValueFormat, limit: int) -> Content | None:
    """Return the value after its marker, or None if the application couldn't load it."""
    serialized, compression = raw[1:], value_format.markers.get(raw[:1])
    if not compression:
        return None if compression is None else decode_serialized(serialized, value_format, limit)
    decompressed = decompress(serialized, limit)
    if decompressed is None or decompressed.name != compression:
        return None
    return decode_compressed(decompressed, raw, value_format, limit)


def unwrap_content(content: Content, value_format: ValueFormat) -> Content:
    """Return the application's value if the backend stores it within another one."""
    tree = value_format.unwrap(content.value) if value_format.unwrap else content.value
    if tree is content.value:
        return content
    reason = json_unsafe_reason(tree)
    kind, what = classify(tree, reason, "pickle")
    label = format_lazy(_("{what}, with a time to refresh it"), what=what)
    return replace(content, kind=kind, label=label, value=tree, json_unsafe_reason=reason)


def decode_integer(raw: bytes) -> Content:
    """Return the integer for digits, or the digits as text if there are too many."""
    digits = raw.decode()
    count = len(digits.lstrip("-"))
    if count > max_int_digits():
        note = format_lazy(
            _("This number has {count} digits, more than Python can read."), count=f"{count:,}"
        )
        reason: Text = TOO_MANY_DIGITS
        return Content(
            "text", _("text"), raw, read_only_reason=reason, notes=(note,), shown_as=digits
        )
    number = int(digits)
    is_same = str(number) == digits
    reason = "" if is_same else _("Saving it would change how its digits are written.")
    return Content("integer", _("integer"), number, read_only_reason=reason, shown_as=digits)


def decode_float(raw: bytes) -> Content | None:
    """Return the number if `float` accepts the bytes as they are, or None."""
    if len(raw) > MAX_FLOAT_LENGTH:
        return None
    try:
        number = float(raw)
    except ValueError:
        return None
    text = raw.decode()
    is_same = repr(number) == text
    reason = "" if is_same else _("Saving it would change how its digits are written.")
    kind, what = classify(number, json_unsafe_reason(number), "text")
    return Content(
        kind, what, number, json_unsafe_reason(number), read_only_reason=reason, shown_as=text
    )


def decode_compressed(
    decompressed: Decompressed, raw: bytes, value_format: ValueFormat, limit: int
) -> Content:
    """Return the content of compressed bytes. It is only editable if it is complete."""
    if decompressed.truncated:
        label = format_lazy(
            _("{name}-compressed, {stored} → more than {limit}"),
            name=decompressed.name,
            stored=nbsp_size(len(raw)),
            limit=nbsp_size(limit),
        )
        reason = format_lazy(
            _("Not decoded: its decompressed size exceeds the limit of {limit}."),
            limit=human_size(limit),
        )
        text = escape_bytes(decompressed.data)
        return Content(
            "large",
            label,
            read_only_reason=reason,
            notes=(reason,),
            shown_as=text,
            open_ended=True,
        )
    inner = decode_serialized(decompressed.data, value_format, limit) or describe_raw(
        decompressed.data, value_format
    )
    label = format_lazy(
        _("{name}-compressed {inner}, {stored} → {opened} ({percent}\N{NO-BREAK SPACE}%)"),
        name=decompressed.name,
        inner=inner.label,
        stored=nbsp_size(len(raw)),
        opened=nbsp_size(len(decompressed.data)),
        percent=max(1, round(100 * len(raw) / max(1, len(decompressed.data)))),
    )
    if decompressed.complete:
        return replace(inner, label=label)
    reason = _("The compressed data is incomplete, or is followed by other data.")
    return replace(inner, label=label, read_only_reason=reason, notes=(reason, *inner.notes))


# The first two bytes of pickles of protocols 2 to 5.
PICKLE_MAGIC: Final = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))

FORMAT_CHECKS: Final[dict[Format, Callable[[bytes], bool]]] = {
    "pickle": PickleSerializer().recognizes,
    "json": JSONSerializer().recognizes,
    "msgpack": BaseMsgPackSerializer().recognizes,
}


def decode_serialized(raw: bytes, value_format: ValueFormat, limit: int) -> Content | None:
    """Decode a value with the first of the alias's serializers that can."""
    formats = (value_format.format, *value_format.other_formats)
    for format in formats:
        read = FORMAT_DECODERS.get(format)
        if read and would_deserialize(value_format, format, raw) and (decoded := read(raw, limit)):
            return unwrap_content(decoded, value_format)
    looks_like_pickle = len(formats) > 1 and "pickle" in formats and raw[:2] in PICKLE_MAGIC
    return decode_pickle(raw, limit) if looks_like_pickle else None


def would_deserialize(value_format: ValueFormat, format: Format, raw: bytes) -> bool:
    """Return whether the application would deserialize a value with this format."""
    if value_format.other_formats:  # With several serializers, one only reads what it recognizes.
        return FORMAT_CHECKS[format](raw)
    return not value_format.requires_protocol_2 or raw[:1] == b"\x80"


def decode_pickle(raw: bytes, limit: int) -> Content | None:
    pickled = read_pickle(raw, DecodeLimits(size=limit))
    if pickled.is_damaged and not raw.startswith(PICKLE_MAGIC):
        return None
    tree, reason = pickled.value, pickled.incomplete_reason
    if reason:
        pattern = (
            _("damaged pickle (protocol {protocol})")
            if pickled.is_damaged
            else _("pickle (protocol {protocol}), partly read")
        )
        label = format_lazy(pattern, protocol=pickled.protocol)
        return partly_read_content("pickle", label, tree, reason)
    kind, what = classify(tree, pickled.json_unsafe_reason, "pickle")
    pattern = (
        _("pickle of {what} (protocol {protocol})")
        if kind == "pickle"
        else _("{what} in a pickle (protocol {protocol})")
    )
    label = format_lazy(pattern, what=what, protocol=pickled.protocol)
    return Content(kind, label, tree, pickled.json_unsafe_reason)


def decode_json(raw: bytes, limit: int) -> Content | None:
    try:
        text = raw.decode()
        plain = json.loads(text, parse_int=parse_json_int)
    except (ValueError, RecursionError):
        return None
    tree, _nodes = to_tree(plain, DecodeLimits(size=limit))
    reason = json_unsafe_reason(tree)
    kind, what = classify(tree, reason, "json")
    if reason and type(tree) is not str:
        # NaN, an integer with too many digits, or a truncated value.
        return Content("json", _("JSON"), tree, reason, shown_as=text)
    label = what if type(tree) in (list, dict) else format_lazy(_("{what} in JSON"), what=what)
    return Content(kind, label, tree, reason)


def parse_json_int(digits: str) -> int | UnresolvedObject:
    """Return the integer for digits in JSON, or a placeholder if there are too many."""
    if len(digits.lstrip("-")) > max_int_digits():
        return UnresolvedObject("builtins.int", (digits,))
    return int(digits)


def decode_msgpack(raw: bytes, limit: int) -> Content | None:
    decode_limits = DecodeLimits(size=limit)
    try:
        graph, incomplete_reason = read_msgpack(raw, decode_limits)
    except (ImportError, ValueError):
        return None
    tree, _nodes = to_tree(graph, decode_limits)
    if incomplete_reason:
        return partly_read_content(
            "msgpack", _("MessagePack, partly read"), tree, incomplete_reason
        )
    reason = json_unsafe_reason(tree)
    kind, what = classify(tree, reason, "msgpack")
    pattern = _("MessagePack of {what}") if kind == "msgpack" else _("{what} in MessagePack")
    return Content(kind, format_lazy(pattern, what=what), tree, reason)


FORMAT_DECODERS: Final[dict[Format, Callable[[bytes, int], Content | None]]] = {
    "pickle": decode_pickle,
    "json": decode_json,
    "msgpack": decode_msgpack,
}


def partly_read_content(kind: Kind, label: Text, tree: Tree, reason: Text) -> Content:
    """Return the part that was read of a value that is damaged or has too many parts."""
    return Content(
        kind, label, tree, read_only_reason=reason, notes=(reason,), shown_as=format_value(tree)
    )


# If the application can't read the value.


def describe_raw(raw: bytes, value_format: ValueFormat) -> Content:
    kind: Kind = "json"
    # Names of fields have no serializer, so they aren't JSON.
    if value_format.name and (guess := format_plain_json(raw)):
        label, text = guess
    else:
        (kind, label), text = guess_kind(raw), escape_bytes(raw)
    return Content(kind, label, raw, read_only_reason=value_format.unreadable_reason, shown_as=text)


def guess_kind(raw: bytes) -> tuple[Kind, Text]:
    if not raw:
        return "empty", _("empty")
    if compression := unsupported_compression(raw):
        return "bytes", format_lazy(
            _("{name}-compressed bytes, not decompressed"), name=compression
        )
    name = foreign_format(raw)
    try:
        raw.decode()
    except UnicodeDecodeError:
        return "bytes", name or _("bytes")
    return "text", name or _("text")


def escape_bytes(raw: bytes) -> str:
    return raw.decode(errors="backslashreplace")


JSON_START = re.compile(rb"[ \t\r\n]*[{\[]")
BASE64 = re.compile(rb"[A-Za-z0-9+/]{8,}={0,2}[\r\n]*")


def format_plain_json(raw: bytes) -> tuple[Text, str] | None:
    """Return a label and indented JSON for a JSON object or array, also in Base64, or None."""
    if text := indent_json(raw):
        return _("JSON"), text
    if not BASE64.fullmatch(raw):
        return None
    try:
        text = indent_json(b64decode(raw))
    except binascii.Error:
        return None
    return (_("JSON in Base64"), text) if text else None


def indent_json(raw: bytes) -> str:
    """Return indented JSON, or an empty string if it is invalid or can't be shown exactly."""
    if not JSON_START.match(raw):
        return ""
    try:
        value = json.loads(raw.decode(), object_pairs_hook=reject_duplicate_keys)
    except (ValueError, RecursionError):
        return ""
    tree, _nodes = to_tree(value, DecodeLimits())
    return "" if json_unsafe_reason(tree) else format_json(tree)


def reject_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object. Raises ValueError for duplicate keys, which can't be shown."""
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("A key occurs twice.")
    return result


# Objects of the current process.


def describe_object(value: object, preview_size: int = DEFAULT_PREVIEW_SIZE) -> Content:
    """Return the content of a value. Its stored bytes are unknown: empty, with the size 0.

    Args:
        value: an object of any class. Only plain types are looked into.
        preview_size: the maximum length of the formatted view, in characters.
    """
    limit = limits().decode_bytes
    if isinstance(value, str | bytes) and type(value) in PLAIN_TYPES and len(value) > limit:
        return describe_large_object(value, preview_size)
    tree = ObjectTreeBuilder(DecodeLimits(size=limit)).visit(value)
    reason = json_unsafe_reason(tree)
    return Content(*classify(tree, reason, "pickle"), tree, reason, preview_size=preview_size)


def describe_large_object(value: str | bytes, preview_size: int) -> Content:
    start = value[:preview_size]
    is_text = isinstance(start, str)
    return LargeObject(
        "text" if is_text else "large",
        _("text") if is_text else _("bytes"),
        read_only_reason=_("It is too large to be edited here."),
        shown_as=start if isinstance(start, str) else escape_bytes(start),
        preview_size=preview_size,
        total=len(value),
    )


# Labels.

JSON_LABELS: Final[dict[type, Text]] = {
    type(None): _("None"),
    bool: _("boolean"),
    float: _("number"),
    list: _("JSON"),
    dict: _("JSON"),
}


def classify(tree: Tree, json_unsafe_reason: Text, otherwise: Kind) -> tuple[Kind, Text]:
    """Return the kind of a value and a label for it.

    `otherwise` is the kind of values other than bytes that JSON can't represent.
    """
    match tree:
        case bool() | None:
            return "json", JSON_LABELS[type(tree)]
        case int():
            return "integer", _("integer")
        case str():
            return "text", _("text")
        case bytes():
            return "bytes", _("bytes")
        case _ if not json_unsafe_reason:
            return "json", JSON_LABELS[type(tree)]
        case _:
            return otherwise, type_name(tree)


def type_name(tree: Tree) -> Text:
    match tree:
        case UnresolvedObject(name="builtins.int", args=(str() as written,)) if (
            written.lstrip("-")[:2] == "0x"
        ):
            return _("a very large integer")
        case UnresolvedObject(name=name):
            return name
        case Reference(name=name):
            return format_lazy(_("a reference to {name}"), name=name)
        case _:
            return type(tree).__name__


def fingerprint(raw: bytes) -> str:
    """Return 16 hexadecimal digits that identify the bytes without revealing them.

    They are an HMAC with the project's `SECRET_KEY`, so that guesses can't be verified.
    """
    return hmac.digest(fingerprint_key(settings.SECRET_KEY), raw, "sha256").hex()[:16]


@lru_cache(maxsize=1)
def fingerprint_key(secret: str | bytes) -> bytes:
    """Return the key that `django.utils.crypto.salted_hmac` would derive for each fingerprint."""
    return sha256(b"django_cachex.fingerprint" + force_bytes(secret)).digest()
