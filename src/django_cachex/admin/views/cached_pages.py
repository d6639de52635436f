"""The parts of the key page about a cached response and the headers that it varies on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils.text import get_text_list
from django.utils.translation import gettext as _

from django_cachex.admin import formatting
from django_cachex.admin.cached_responses import CachedResponse, find_title, parse_header_names
from django_cachex.admin.components import Action, Card, Cell, Header, LabeledValue, Row, Table
from django_cachex.admin.kinds import kind_of_key
from django_cachex.admin.page_keys import PageKey
from django_cachex.admin.permissions import VIEW_KEYS, VIEW_VALUE
from django_cachex.admin.views.base import BaseKeyView
from django_cachex.admin.views.panels import ValuePanel
from django_cachex.commands.text import one_line
from django_cachex.inspectors.values.display import Preview, preview_text

SECOND_MS = 1000


@dataclass
class ResponsePanel(ValuePanel):
    """The value of a cached response. Its first view is the body as text."""

    body: str | None = None
    """The text of the body, or None if it isn't text."""

    @cached_property
    def view_labels(self) -> dict[str, str]:
        labels = super().view_labels
        return labels if self.body is None else {"body": _("Body"), **labels}

    @cached_property
    def preview(self) -> Preview | None:
        if self.view != "body" or self.body is None or self.content is None:
            return super().preview
        return preview_text(self.body, self.content.preview_size)

    @property
    def is_in_characters(self) -> bool:
        return self.view == "body" or super().is_in_characters


@dataclass(frozen=True)
class CachedPageReport:
    """What a key page shows of a cached response, or of the headers that responses vary on."""

    view: BaseKeyView
    value: Any
    """The tree of the value."""

    @cached_property
    def name(self) -> str:
        """The name of the key, without the prefix of the cache."""
        return kind_of_key(self.view.inspector, self.view.stored)[1]

    @cached_property
    def page_key(self) -> PageKey | None:
        """What the name of the key says, or None if it isn't the key of a page."""
        has_names = self.view.inspector.has_key_names
        return PageKey.parse(self.name) if has_names else None

    @cached_property
    def response(self) -> CachedResponse | None:
        return CachedResponse.from_tree(self.value)

    @cached_property
    def body(self) -> tuple[bytes | None, bool]:
        """The body without its compression, and whether that is all of it."""
        return self.response.decompress() if self.response is not None else (None, False)

    @cached_property
    def text(self) -> str | None:
        """The body as text, or None if it is none."""
        body, _is_complete = self.body
        if self.response is None or body is None:
            return None
        return self.response.decode(body)

    def make_cards(self) -> list[Card]:
        """Return the cards above the value; none for other values."""
        if self.response is not None:
            return [
                self._make_response_card(self.response),
                *self._make_vary_cards(),
                self._make_headers_card(self.response),
            ]
        names = parse_header_names(self.value)
        if self.page_key is not None and self.page_key.is_header_list and names is not None:
            return [self._make_variants_card(self.page_key, names)]
        return []

    # A response.

    def _make_response_card(self, response: CachedResponse) -> Card:
        values = [LabeledValue(_("Status"), str(response.status))]
        if response.content_type:
            type = one_line(response.content_type)
            values.append(LabeledValue(_("Content type"), type, "code"))
        title = find_title(self.text or "") if response.content_type == "text/html" else ""
        if title:
            values.append(LabeledValue(_("Title"), one_line(title)))
        values += self._list_sizes(response)
        age = response.get_age()
        if age is not None:
            text = _("%(duration)s ago") % {"duration": formatting.format_duration(age * SECOND_MS)}
            values.append(LabeledValue(_("Stored"), text))
        return Card(_("Cached response"), values, note=self._get_body_note(response))

    def _list_sizes(self, response: CachedResponse) -> list[LabeledValue]:
        if response.content is None:
            return []
        text, exact = formatting.format_size_with_exact(len(response.content))
        sizes = [
            LabeledValue(_("Size of the body"), text, exact=exact, note=one_line(response.encoding))
        ]
        body, is_complete = self.body
        if response.encoding and body is not None and is_complete:
            text, exact = formatting.format_size_with_exact(len(body))
            sizes.append(LabeledValue(_("Decompressed"), text, exact=exact))
        return sizes

    def _get_body_note(self, response: CachedResponse) -> str:
        body, is_complete = self.body
        if response.content is not None and body is None:
            text = _("The body is compressed (%(encoding)s) and can't be decompressed here.")
            return text % {"encoding": one_line(response.encoding[:50])}
        if not is_complete:
            return _("The body is longer than what is shown, or it is damaged.")
        if response.content and self.text is None:
            return _("The body isn't text. Its bytes are part of the value below.")
        return ""

    def _make_headers_card(self, response: CachedResponse) -> Card:
        rows = [
            Row([Cell(one_line(name), kind="code"), Cell(one_line(value), kind="code")])
            for name, value in response.headers
        ]
        table = Table([Header(_("Header")), Header(_("Value"))], rows, caption=_("Headers"))
        return Card(_("Headers"), table=table if rows else None)

    # What it varies on.

    def _store_name(self, name: str) -> bytes | None:
        """Return the stored key of another name in the same version, or None if it is unknown."""
        own = self.name.encode("utf-8", "surrogateescape")
        stored = self.view.stored
        if not stored.endswith(own):
            return None
        return stored.removesuffix(own) + name.encode("utf-8", "surrogateescape")

    def _make_vary_cards(self) -> list[Card]:
        """Return a card with the headers in the list of this page, and a link to the list."""
        view, page_key = self.view, self.page_key
        stored = self._store_name(page_key.header_list_name) if page_key is not None else None
        if stored is None or not view.checker.is_allowed(VIEW_VALUE, view.inspector, stored):
            return []
        title = _("Varies on")
        if not view.inspector.can_get:
            return [Card(title, links=[self._link_key("page-headers", stored)])]
        call = view.executor.run(view.inspector, lambda: view.inspector.read(stored))
        if call.error is not None:
            return []
        if call.value is None:
            text = _(
                "The header list is gone, so Django doesn't find this response. It creates a "
                "new one when the page is requested."
            )
            return [Card(title, note=text)]
        content = call.value.content
        names = parse_header_names(content.value) if content is not None else None
        return [
            Card(
                title,
                [LabeledValue(_("Headers"), _format_names(names))] if names is not None else [],
                links=[self._link_key("page-headers", stored)],
            )
        ]

    def _link_key(self, action: str, stored: bytes) -> Action:
        view = self.view
        name = formatting.format_name(view.inspector.display_key(stored))
        return Action(action, name, view.links.key(view.inspector.alias, stored))

    def _make_variants_card(self, page_key: PageKey, names: Sequence[str]) -> Card:
        """Return a card with the responses that vary on these headers."""
        view = self.view
        values = [LabeledValue(_("Headers"), _format_names(names))]
        links = [self._link_key("cached-page", stored) for stored in self._find_variants(page_key)]
        if view.inspector.can_list and view.checker.is_allowed(VIEW_KEYS, view.inspector):
            url = view.links.keys(view.inspector.alias, q=page_key.pages_pattern)
            links.append(
                Action("all-variants", _("Search for all responses for this address"), url)
            )
        text = ""
        if names:
            text = _(
                "If a request sends one of these headers, the key of its response contains a "
                "hash of their values. Only a search finds such keys."
            )
        return Card(_("Responses that vary on these headers"), values, links=links, note=text)

    def _find_variants(self, page_key: PageKey) -> list[bytes]:
        """Return the stored keys of the responses to requests without any of the headers."""
        view = self.view
        candidates = [self._store_name(name) for name in page_key.names_without_headers(self.value)]
        keys = [stored for stored in candidates if stored is not None]
        keys = list(view.checker.filter_allowed(VIEW_KEYS, view.inspector, keys))
        if not (keys and view.inspector.can_list):
            return []
        call = view.executor.run(view.inspector, lambda: view.inspector.describe(keys, ("ttl",)))
        return [info.key for info in call.value or () if info.exists]

    # The value.

    def add_body(self, panel: ValuePanel) -> ValuePanel:
        """Return the panel of the value, with the body as its first view if that is text."""
        if self.text is None:
            return panel
        fields = {name: getattr(panel, name) for name in ValuePanel.__dataclass_fields__}
        return ResponsePanel(**fields, body=self.text)


def _format_names(names: Sequence[str]) -> str:
    return get_text_list(list(map(one_line, names)), _("and")) if names else _("none")
