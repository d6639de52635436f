"""Decode stored bytes for display without executing anything."""

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

from django_cachex.cache.serializers import BaseMsgPackSerializer, JSONSerializer, PickleSerializer
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.values.display import (
    Preview,
    format_value,
    human_size,
    nbsp_size,
    preview_bytes,
    preview_hex,
    preview_text,
)
from django_cachex.inspectors.values.formats import (
    Decompressed,
    Format,
    ValueFormat,
    decompress,
    unsupported_compression,
)
from django_cachex.inspectors.values.json_safe import TOO_MANY_DIGITS, json_unsafe_reason
from django_cachex.inspectors.values.msgpack import read_msgpack
from django_cachex.inspectors.values.nodes import Reference, Tree, UnresolvedObject
from django_cachex.inspectors.values.parse import EditInitial, StoreAs, edit_initial, format_json
from django_cachex.inspectors.values.pickle import PickleContent, read_pickle, to_tree
from django_cachex.inspectors.values.pickle_machine import (
    MAX_DECODE_BYTES,
    DecodeLimits,
    max_int_digits,
)

Kind = Literal["empty", "integer", "text", "json", "bytes", "pickle", "msgpack", "large"]

JSON_LABELS: dict[type, Text] = {
    type(None): _("None"),
    bool: _("boolean"),
    float: _("number"),
    list: _("JSON"),
    dict: _("JSON"),
}


@dataclass(frozen=True, slots=True)
class DecodedValue:
    """The result of decoding stored bytes."""

    kind: Kind
    label: Text
    text: str
    initial: EditInitial
    value: Tree = None
    notes: tuple[Text, ...] = ()
    open_ended: bool = False
    """Whether there is more than `text` and it is unknown how much."""


def kind_and_label(tree: Tree) -> tuple[Kind, Text]:
    """Return the kind of a value and a label for it."""
    match tree:
        case bool() | None:
            return "json", JSON_LABELS[type(tree)]
        case int():
            return "integer", _("integer")
        case str():
            return "text", _("text")
        case bytes():
            return "bytes", _("bytes")
        case _ if not json_unsafe_reason(tree):
            return "json", JSON_LABELS[type(tree)]
        case _:
            return "pickle", type_name(tree)


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


def format_tree(tree: Tree) -> str:
    if type(tree) is str:
        return tree
    return format_value(tree) if json_unsafe_reason(tree) else format_json(tree)


JSON_START = re.compile(rb"[ \t\r\n]*[{\[]")
BASE64 = re.compile(rb"[A-Za-z0-9+/]{8,}={0,2}[\r\n]*")

PHP_SCALAR = re.compile(
    rb"(?:i:-?[0-9]{1,20}|b:[01]|d:(?:-?[0-9.]+(?:E[+-]?[0-9]+)?|-?INF|NAN)|N);"
)
PHP_TEXT = re.compile(rb's:([0-9]{1,10}):"')
PHP_NESTED = re.compile(rb'(?:a:[0-9]{1,10}:\{|[OC]:[0-9]{1,4}:"[\w\\]+":[0-9]{1,10}:\{)')

JAVA_MAGIC = b"\xac\xed\x00\x05"
HYPERLOGLOG_MAGIC = b"HYLL"


def foreign_format(raw: bytes) -> Text:
    """Return the name of a format of another language or server, or an empty string."""
    if raw.startswith(JAVA_MAGIC):
        return _("serialized Java")
    if raw.startswith(HYPERLOGLOG_MAGIC):
        return _("HyperLogLog")
    return _("serialized PHP") if is_php_serialized(raw) else ""


def is_php_serialized(raw: bytes) -> bool:
    """Return whether the bytes look like the result of PHP's `serialize`."""
    if match := PHP_TEXT.match(raw):
        return len(raw) == match.end() + int(match[1]) + 2 and raw.endswith(b'";')
    if PHP_NESTED.match(raw):
        return raw.endswith(b"}")
    return PHP_SCALAR.fullmatch(raw) is not None


def format_plain_json(raw: bytes) -> tuple[Text, str] | None:
    """Return a label and indented JSON for a JSON object or array, also in Base64, or None."""
    if text := indent_json(raw):
        return _("JSON"), text
    if not BASE64.fullmatch(raw):
        return None
    try:
        text = indent_json(b64decode(raw))
    except NoBase64:
        return None
    return (_("base64 of JSON"), text) if text else None


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


# The first two bytes of pickles of protocols 2 to 5.
PICKLE_MAGIC = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))


def decode_serialized(raw: bytes, value_format: ValueFormat, limit: int) -> DecodedValue | None:
    """Decode a value with the first of the alias's serializers that can."""
    for format in (value_format.format, *value_format.other_formats):
        read = FORMAT_DECODERS.get(format)
        if read and would_deserialize(value_format, format, raw) and (decoded := read(raw, limit)):
            return decoded
    is_damaged = (
        value_format.other_formats
        and "pickle" in (value_format.format, *value_format.other_formats)
        and raw[:2] in PICKLE_MAGIC
    )
    return decode_pickle(raw, limit) if is_damaged else None


def would_deserialize(value_format: ValueFormat, format: Format, raw: bytes) -> bool:
    """Return whether the application would deserialize a value with this format."""
    if value_format.other_formats:  # If there are several, only those that may have written it.
        return FORMAT_CHECKS[format](raw)
    return not value_format.requires_protocol_2 or raw[:1] == b"\x80"


def decode_pickle(raw: bytes, limit: int) -> DecodedValue | None:
    pickled = read_pickle(raw, DecodeLimits(size=limit))
    if pickled.is_damaged and not raw.startswith(PICKLE_MAGIC):
        return None
    if pickled.incomplete_reason:
        return partial_pickle(pickled)
    kind, inner_label = kind_and_label(pickled.value)
    pattern = (
        _("pickle of {what} (protocol {protocol})")
        if kind == "pickle"
        else _("{what} in a pickle (protocol {protocol})")
    )
    label = format_lazy(pattern, what=inner_label, protocol=pickled.protocol)
    return DecodedValue(
        kind, label, format_tree(pickled.value), edit_initial(pickled.value), pickled.value
    )


def partial_pickle(pickled: PickleContent) -> DecodedValue:
    """Return the part of a damaged or too long pickle that was read."""
    pattern = (
        _("damaged pickle (protocol {protocol})")
        if pickled.is_damaged
        else _("pickle (protocol {protocol}), partly read")
    )
    label = format_lazy(pattern, protocol=pickled.protocol)
    text = format_value(pickled.value)
    return DecodedValue(
        "pickle",
        label,
        text,
        EditInitial(pickled.incomplete_reason),
        pickled.value,
        (pickled.incomplete_reason,),
    )


def decode_json(raw: bytes, limit: int) -> DecodedValue | None:
    try:
        text = raw.decode()
        plain = json.loads(text, parse_int=parse_json_int)
    except (ValueError, RecursionError):
        return None
    tree, _nodes = to_tree(plain, DecodeLimits(size=limit))
    kind, what = kind_and_label(tree)
    if kind == "pickle":
        # NaN, an integer with too many digits, or a truncated value.
        return DecodedValue("json", _("JSON"), text, edit_initial(tree), tree)
    label = what if type(tree) in (list, dict) else format_lazy(_("{what} in JSON"), what=what)
    return DecodedValue(kind, label, format_tree(tree), edit_initial(tree), tree)


def parse_json_int(digits: str) -> int | UnresolvedObject:
    """Return the integer for digits in JSON, or a placeholder if there are too many."""
    if len(digits.lstrip("-")) > max_int_digits():
        return UnresolvedObject("builtins.int", (digits,))
    return int(digits)


def decode_msgpack(raw: bytes, limit: int) -> DecodedValue | None:
    decode_limits = DecodeLimits(size=limit)
    try:
        packed = read_msgpack(raw, decode_limits)
    except ValueError:
        return None
    tree, _nodes = to_tree(packed.value, decode_limits)
    if packed.incomplete_reason:
        label: Text = _("MessagePack, partly read")
        initial = EditInitial(packed.incomplete_reason)
        return DecodedValue(
            "msgpack", label, format_value(tree), initial, tree, (packed.incomplete_reason,)
        )
    kind, what = kind_and_label(tree)
    if kind == "pickle":
        label = format_lazy(_("MessagePack of {what}"), what=what)
        return DecodedValue("msgpack", label, format_tree(tree), edit_initial(tree), tree)
    label = format_lazy(_("{what} in MessagePack"), what=what)
    return DecodedValue(kind, label, format_tree(tree), edit_initial(tree), tree)


FORMAT_DECODERS: dict[Format, Callable[[bytes, int], DecodedValue | None]] = {
    "pickle": decode_pickle,
    "json": decode_json,
    "msgpack": decode_msgpack,
}


FORMAT_CHECKS: dict[Format, Callable[[bytes], bool]] = {
    "pickle": PickleSerializer().recognizes,
    "json": JSONSerializer().recognizes,
    "msgpack": BaseMsgPackSerializer().recognizes,
}


STORED_INTEGER = re.compile(rb"-?[0-9]+")


def decode_value(raw: bytes, value_format: ValueFormat, limit: int) -> DecodedValue:
    """Decode a value as the application would, or guess what it is."""
    return decode_for_application(raw, value_format, limit) or decode_by_guess(
        raw, value_format, limit
    )


def describe_too_large(total: int, limit: int, start: bytes) -> DecodedValue:
    """Return the description of a value of which only the start is known."""
    reason = format_lazy(
        _("Not decoded: {size} exceeds the limit of {limit}."),
        size=human_size(total),
        limit=human_size(limit),
    )
    label = format_lazy(_("not decoded, {size}"), size=human_size(total))
    return DecodedValue("large", label, escape_bytes(start), EditInitial(reason), notes=(reason,))


# As the application reads the value.


def decode_for_application(
    raw: bytes, value_format: ValueFormat, limit: int
) -> DecodedValue | None:
    """Return the value that the alias's serializer would load, or None if it couldn't."""
    if value_format.loads_ints and STORED_INTEGER.fullmatch(raw):
        return decode_integer(raw)
    decompressed = (
        decompress(raw, limit)
        if value_format.compression or value_format.other_compressions
        else None
    )
    if decompressed and decompressed.name in (
        value_format.compression,
        *value_format.other_compressions,
    ):
        return decode_compressed(decompressed, raw, value_format, limit)
    return decode_serialized(raw, value_format, limit)


def decode_integer(raw: bytes) -> DecodedValue:
    """Return the integer for digits, or the digits as text if there are too many."""
    digits = raw.decode()
    count = len(digits.lstrip("-"))
    if count > max_int_digits():
        note = format_lazy(
            _("This number has {count} digits, more than Python can read."), count=f"{count:,}"
        )
        return DecodedValue("text", _("text"), digits, EditInitial(TOO_MANY_DIGITS), raw, (note,))
    number = int(digits)
    same = str(number) == digits
    initial = (
        edit_initial(number)
        if same
        else EditInitial(_("Saving it would change how its digits are written."))
    )
    return DecodedValue("integer", _("integer"), digits, initial, number)


def decode_compressed(
    decompressed: Decompressed, raw: bytes, value_format: ValueFormat, limit: int
) -> DecodedValue:
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
        return DecodedValue(
            "large", label, text, EditInitial(reason), notes=(reason,), open_ended=True
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
    return replace(inner, label=label, initial=EditInitial(reason), notes=(reason, *inner.notes))


# If the application can't read the value.


def decode_by_guess(raw: bytes, value_format: ValueFormat, limit: int) -> DecodedValue:
    """Guess the content of bytes that the application can't read or whose serializer is unknown."""
    decompressed = decompress(raw, limit)
    # Text can start like zlib data, and can even be decompressed in part.
    if decompressed and (decompressed.complete or guess_kind(raw)[0] == "bytes"):
        decoded = decode_compressed(decompressed, raw, value_format, limit)
        return replace(decoded, initial=EditInitial(unreadable_reason(value_format)))
    return describe_raw(raw, value_format)


def describe_raw(raw: bytes, value_format: ValueFormat) -> DecodedValue:
    initial = EditInitial(unreadable_reason(value_format))
    # Names of fields have no serializer, so they aren't JSON.
    guess = format_plain_json(raw) if value_format.name else None
    if guess:
        label, text = guess
        return DecodedValue("json", label, text, initial, raw)
    kind, label = guess_kind(raw)
    return DecodedValue(kind, label, escape_bytes(raw), initial, raw)


def guess_kind(raw: bytes) -> tuple[Kind, Text]:
    if not raw:
        return "empty", _("empty")
    compression = unsupported_compression(raw)
    if compression:
        return "bytes", format_lazy(
            _("{name}-compressed bytes, not decompressed"), name=compression
        )
    name = foreign_format(raw)
    try:
        raw.decode()
    except UnicodeDecodeError:
        return "bytes", name or _("bytes")
    return "text", name or _("text")


def unreadable_reason(value_format: ValueFormat) -> Text:
    match value_format.format:
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
                name=value_format.name,
            )


def escape_bytes(raw: bytes) -> str:
    return raw.decode(errors="backslashreplace")


@dataclass(frozen=True, slots=True)
class Content:
    """A decoded value: a string, or an element of a collection.

    Its texts aren't escaped for HTML.
    """

    kind: Kind
    label: str | Promise
    """A description such as "JSON in a pickle (protocol 5)"."""

    stored_size: int
    """The stored size in bytes."""

    formatted: Preview
    """The formatted value, measured in characters.

    Text is unchanged, JSON types are indented JSON, and other types have a syntax similar to
    Python.
    """

    text: Preview
    """The stored bytes as UTF-8 with backslash escapes, measured in bytes."""

    hex: Preview
    """The stored bytes as a hex dump, measured in bytes."""

    notes: tuple[str | Promise, ...]
    """Sentences about missing or damaged parts."""

    not_editable_reason: str | Promise
    """A sentence that explains why the value can't be edited, or an empty string."""

    edit_text: str
    """The initial text of a form: `parse_value(edit_text, store_as)` returns the value."""

    store_as: StoreAs

    value: Tree
    """The decoded value as plain data as far as possible.

    It is the stored bytes if the format is unknown, and None if the value is too large to decode.
    """

    @property
    def editable(self) -> bool:
        """Whether saving the unchanged form stores the same value."""
        return not self.not_editable_reason


def decode(
    raw: bytes,
    *,
    value_format: ValueFormat,
    stored_size: int | None = None,
    limit: int = MAX_DECODE_BYTES,
    preview: int = 5000,
) -> Content:
    """Decode stored bytes for display. Accepts any bytes and executes nothing.

    Args:
        raw: the stored bytes, or the start of them.
        value_format: how the alias stores values.
        stored_size: the size of the value in bytes if `raw` is incomplete.
        limit: the maximum size of a value to decode in bytes, also after decompression.
        preview: the maximum length of each view, in bytes (in characters if decoded).
    """
    total = max(len(raw), stored_size or 0)
    is_complete = len(raw) == total <= limit
    decoded = (
        decode_value(raw, value_format, limit)
        if is_complete
        else describe_too_large(total, limit, raw[:preview])
    )
    text = preview_bytes(raw, total, preview)
    return Content(
        kind=decoded.kind,
        label=decoded.label,
        stored_size=total,
        formatted=preview_text(decoded.text, preview, decoded.open_ended) if is_complete else text,
        text=text,
        hex=preview_hex(raw, total, preview),
        notes=decoded.notes,
        not_editable_reason=decoded.initial.not_editable_reason,
        edit_text=decoded.initial.text,
        store_as=decoded.initial.store_as,
        value=decoded.value,
    )


def fingerprint(raw: bytes) -> str:
    """Return 16 hexadecimal digits that identify the bytes without revealing them.

    They are an HMAC with the project's `SECRET_KEY`, so that guesses can't be verified.
    """
    return salted_hmac("django_cachex.fingerprint", raw, algorithm="sha256").hexdigest()[:16]
