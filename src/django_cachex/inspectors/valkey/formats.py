"""What makes bytes of an alias's values, by the names that OPTIONS have for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.utils.module_loading import import_string
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from django_cachex.cache.codec import ValueCodec
from django_cachex.cache.formats import COMPRESSOR, SERIALIZER, Kind
from django_cachex.inspectors.content import path
from django_cachex.inspectors.facts import Fact, Text


def formats(serializer: object) -> Iterator[Fact]:
    """Yield the serializers of an alias and, if it has any, its compressors."""
    if not isinstance(serializer, ValueCodec):
        yield Fact(_("Serializer"), listed(SERIALIZER, [serializer]))
        return
    yield Fact(_("Serializer"), listed(SERIALIZER, serializer.serializers))
    if serializer.compressors:
        yield Fact(_("Compressor"), listed(COMPRESSOR, serializer.compressors))


def listed(kind: Kind, objects: Sequence[object]) -> Text:
    """Return the name of the one that writes, and of those that only read."""
    names = {import_string(dotted): name for name, dotted in kind.paths.items()}
    first, *others = (names.get(type(one)) or path(one) for one in objects)
    if not others:
        return first
    return format_lazy(_("{first}; also read: {others}"), first=first, others=", ".join(others))
