"""Stored bytes for people to read, and what people type as values: see `decode`, `encode`."""

from django_cachex.inspectors.content.codec import Codec, path, recognise, recognise_all
from django_cachex.inspectors.content.content import Content, decode, fingerprint
from django_cachex.inspectors.content.decoded import Kind
from django_cachex.inspectors.content.excerpt import Excerpt, hex_dump, human_size
from django_cachex.inspectors.content.typed import InvalidValue, StoreAs, encode, from_form

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
