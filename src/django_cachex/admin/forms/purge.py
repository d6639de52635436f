"""The form for the addresses whose cached pages are purged."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin.forms.base import CODE_ATTRS
from django_cachex.admin.purging import (
    MAX_ADDRESS_LENGTH,
    MAX_ADDRESSES,
    MAX_HOSTS,
    MAX_PAGES,
    SCHEMES,
    InvalidAddress,
    PageCaching,
    PageSearch,
    PageTarget,
    normalize_host,
    parse_target,
)

MAX_LIST_LENGTH: Final = 200_000
"""The most characters of a list of pages."""

MAX_RESOLVED = 20
"""The most pages whose views are asked for their key prefix."""

NO_PREFIX = '""'
"""Stands for the empty key prefix among others."""


def split_words(text: str) -> list[str]:
    """Return the words of a text that are separated by spaces or commas, each once."""
    return list(dict.fromkeys(text.replace(",", " ").split()))


def join_prefixes(prefixes: Sequence[str]) -> str:
    return " ".join(prefix or NO_PREFIX for prefix in dict.fromkeys(prefixes))


def get_default_prefixes() -> list[str]:
    """Return the prefix of the cache middleware, and the empty one of `cache_page`."""
    return [settings.CACHE_MIDDLEWARE_KEY_PREFIX, ""]


class PurgeForm(forms.Form):
    """Addresses, and the hosts under which the site is known."""

    url = forms.CharField(
        label=gettext_lazy("Page"),
        required=False,
        max_length=MAX_ADDRESS_LENGTH,
        help_text=gettext_lazy(
            "A path such as /shop/lamp/?color=red, an address, or the name of a view "
            "with its arguments. The query string is part of the address."
        ),
        widget=forms.TextInput(attrs={**CODE_ATTRS, "autofocus": ""}),
    )
    hosts = forms.CharField(
        label=gettext_lazy("Hosts"),
        required=False,
        max_length=1000,
        help_text=gettext_lazy(
            "The hosts of this site. Pages are cached separately for each host, and for "
            "http and https."
        ),
        widget=forms.TextInput(attrs=CODE_ATTRS),
    )
    prefixes = forms.CharField(
        label=gettext_lazy("Key prefixes"),
        required=False,
        max_length=1000,
        help_text=gettext_lazy(
            'The key_prefix of cache_page, or CACHE_MIDDLEWARE_KEY_PREFIX; "" for none. '
            "Needed because this cache can't search its key names."
        ),
        widget=forms.TextInput(attrs=CODE_ATTRS),
    )
    more = forms.CharField(
        label=gettext_lazy("More pages"),
        required=False,
        max_length=MAX_LIST_LENGTH,
        help_text=gettext_lazy("One per line."),
        widget=forms.Textarea(attrs={"rows": 6, **CODE_ATTRS}),
    )

    def __init__(self, *args: Any, needs_prefixes: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        disclosures = {
            "prefixes": gettext_lazy("Change the key prefixes"),
            "more": gettext_lazy("A list of pages"),
        }
        for name, text in disclosures.items():
            # The template reads it.
            self.fields[name].disclosure = text  # type: ignore[attr-defined]
        if not needs_prefixes:
            del self.fields["prefixes"]
        self.targets: Sequence[PageTarget] = ()

    def clean_hosts(self) -> Sequence[str]:
        words = split_words(self.cleaned_data["hosts"])
        if len(words) > MAX_HOSTS:
            raise ValidationError(_("Enter at most %(most)s hosts.") % {"most": MAX_HOSTS})
        try:
            return [normalize_host(word) for word in words]
        except InvalidAddress as problem:
            raise ValidationError(str(problem)) from problem

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        entries = [("url", data.get("url", "")), *self._lines(data.get("more", ""))]
        entries = [(field, text.strip()) for field, text in entries if text.strip()]
        if not entries and not self.errors:
            self.add_error("url", _("Enter the path or the address of a page."))
        if len(entries) > MAX_PAGES:
            text = _("Enter at most %(most)s pages at a time.") % {"most": MAX_PAGES}
            self.add_error("more", text)
            return data
        targets: list[PageTarget] = []
        for field, text in entries:
            try:
                targets += parse_target(text)
            except InvalidAddress as problem:
                self.add_error(field, str(problem))
                break
        self.targets = list(dict.fromkeys(targets))
        hosts = data.get("hosts") or [target.host for target in targets if target.host]
        if targets and not hosts and not self.errors:
            self.add_error("hosts", _("Enter a host, or a complete address."))
        if self._count_addresses(data) > MAX_ADDRESSES:
            text = _("These pages have more than %(most)s addresses. Enter fewer pages or hosts.")
            self.add_error("more", text % {"most": MAX_ADDRESSES})
        return data

    def _count_addresses(self, data: dict[str, Any]) -> int:
        """Return the most addresses that the pages may have."""
        hosts = len(data.get("hosts") or ())
        return len(SCHEMES) * sum(hosts + bool(target.host) for target in self.targets)

    def _lines(self, text: str) -> Sequence[tuple[str, str]]:
        return [("more", line) for line in text.splitlines()]

    @property
    def prefix_targets(self) -> Sequence[PageTarget]:
        """The targets that end with `*`, which no search can find."""
        return [target for target in self.targets if target.is_prefix]

    @cached_property
    def search(self) -> PageSearch:
        """What a valid form asks to search for."""
        targets = [target for target in self.targets if not target.is_prefix]
        given = split_words(self.cleaned_data.get("prefixes", ""))
        prefixes = ["" if word == NO_PREFIX else word for word in given]
        prefixes += [PageCaching.of_path(target.path).prefix for target in targets[:MAX_RESOLVED]]
        return PageSearch.of(targets, self.cleaned_data["hosts"], list(dict.fromkeys(prefixes)))
