"""A key, its inspector, and what tests ask of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django_cachex.inspectors.edits import (
    CreateCollection,
    Edit,
    EditResult,
    ElementRef,
)
from django_cachex.inspectors.query import FIRST_PAGE, ElementPage
from django_cachex.inspectors.types import TTL_NONE, Element, Elements, KeyValue
from django_cachex.inspectors.valkey.inspector import ServerInspector

KEY = b":1:key"


@dataclass
class Subject:
    """One key of an alias, seen through its inspector."""

    inspector: ServerInspector
    raw: Any
    """A plain client of the server."""

    key: bytes = KEY

    def fill(self, type: str, *elements: Any, ttl: int = TTL_NONE) -> None:
        edit = CreateCollection(type, elements, ttl, replace=True)
        assert self.apply(edit).is_done

    def apply(self, edit: Edit) -> EditResult:
        return self.inspector.apply(self.key, edit)

    def done(self, edit: Edit) -> EditResult:
        outcome = self.apply(edit)
        assert outcome.is_done, outcome
        return outcome

    def read(self, window: ElementPage = FIRST_PAGE) -> KeyValue:
        entry = self.inspector.read(self.key, window)
        assert entry is not None
        return entry

    def elements(self, window: ElementPage = FIRST_PAGE) -> Elements:
        elements = self.read(window).elements
        assert elements is not None
        return elements

    def rows(self, window: ElementPage = FIRST_PAGE) -> Sequence[Element]:
        return self.elements(window).rows

    def values(self, window: ElementPage = FIRST_PAGE) -> list[Any]:
        """Return what each row holds in its last cell."""
        return [row.cells[-1].value for row in self.rows(window)]

    def row(self, name: str) -> Element:
        [found] = [row for row in self.rows() if row.name == name]
        return found

    def chosen(self, *names: str) -> tuple[ElementRef, ...]:
        rows = [self.row(name) for name in names]
        return tuple(ElementRef(row.id, row.expected) for row in rows)

    def stored(self, value: Any) -> bytes:
        """Return what the alias's serializer makes of a value."""
        data = self.inspector.value_format.dumps(value)
        return data if isinstance(data, bytes) else str(data).encode()
