"""Caches that pass their entries on to another alias, such as failover and multi-level caches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.cache.backends.base import BaseCache
from django.utils.translation import gettext_lazy as _

from django_cachex.inspectors.base import Inspector, Support
from django_cachex.inspectors.info import InfoField, InfoSection, Text, Unit

GetInner = Callable[[BaseCache, Mapping[str, Any]], str]
"""Returns the alias of the inner cache, from the wrapper's cache object and its settings."""


@dataclass(frozen=True)
class Wrapper:
    """The registration of a backend that passes its entries on to another alias."""

    get_inner: GetInner


class WrapperInspector(Inspector):
    """What the inspector of a wrapper adds to that of the cache with the entries.

    `cache` and `params` are those of the inner cache, so keys are named as they are stored.
    """

    def __init__(
        self, alias: str, cache: BaseCache, params: Mapping[str, Any], inner_alias: str
    ) -> None:
        self.inner_alias = inner_alias
        super().__init__(alias, cache, params)

    @property
    def store_alias(self) -> str:
        return self.inner_alias

    @property
    def backend(self) -> str:
        return str(settings.CACHES[self.alias]["BACKEND"])

    def notes(self) -> Sequence[Text]:
        note = _(
            'This cache passes its entries on to the cache "%(alias)s". Keys are listed, read and '
            "changed there. Entries that the wrapper keeps elsewhere are neither shown nor changed."
        )
        return [note % {"alias": self.inner_alias}, *super().notes()]

    def configuration(self) -> InfoSection:
        section = super().configuration()
        backend, *others = section.fields
        inner = InfoField(_("Inner cache"), self.inner_alias, Unit.CODE)
        return replace(section, fields=(backend, inner, *others), note="")


@lru_cache
def wrapper_inspector_class(inner_class: type[Inspector]) -> type[WrapperInspector]:
    """Return the class of inspectors of wrappers around caches with a given inspector."""
    is_limited = inner_class.support is Support.LIMITED
    support = Support.LIMITED if is_limited else Support.WRAPPED
    return type(
        f"Wrapper{inner_class.__name__}", (WrapperInspector, inner_class), {"support": support}
    )
