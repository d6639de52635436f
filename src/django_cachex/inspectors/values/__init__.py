"""Decode stored bytes for display with `decode`, and parse user input with `parse_value`."""

from django_cachex.inspectors.values.decode import Content, Kind, decode, fingerprint
from django_cachex.inspectors.values.display import Preview, hex_dump, human_size
from django_cachex.inspectors.values.formats import (
    ValueFormat,
    class_path,
    detect_format,
    serializer_format,
)
from django_cachex.inspectors.values.parse import (
    InvalidValue,
    StoreAs,
    normalize_newlines,
    parse_value,
)

__all__ = [
    "Content",
    "InvalidValue",
    "Kind",
    "Preview",
    "StoreAs",
    "ValueFormat",
    "class_path",
    "decode",
    "detect_format",
    "fingerprint",
    "hex_dump",
    "human_size",
    "normalize_newlines",
    "parse_value",
    "serializer_format",
]
