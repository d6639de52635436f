"""Stored bytes for people to read, and what people type as values: see `decode`, `encode`."""

from django_cachex.inspectors.values.decode import Content, Kind, decode, fingerprint
from django_cachex.inspectors.values.display import Excerpt, hex_dump, human_size
from django_cachex.inspectors.values.formats import Codec, path, recognise, recognise_all
from django_cachex.inspectors.values.parse import InvalidValue, StoreAs, encode, from_form

__all__ = [
    "Codec",
    "Content",
    "Excerpt",
    "InvalidValue",
    "Kind",
    "StoreAs",
    "decode",
    "encode",
    "fingerprint",
    "from_form",
    "hex_dump",
    "human_size",
    "path",
    "recognise",
    "recognise_all",
]
