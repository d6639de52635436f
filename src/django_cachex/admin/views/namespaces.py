"""Namespaces of keys."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_cachex.admin import formatting
from django_cachex.admin.components import (
    Action,
    Bar,
    BarChart,
    Button,
    Cell,
    EmptyState,
    Header,
    Heading,
    Row,
    Table,
)
from django_cachex.admin.forms.search import FILTERS, NEVER_EXPIRES, TTL_VALUES
from django_cachex.admin.help import HelpPanel
from django_cachex.admin.kinds import get_kinds
from django_cachex.admin.permissions import VIEW_NAMESPACES
from django_cachex.admin.states import make_support_badge
from django_cachex.admin.views.base import BaseCacheView, make_bytes_cell
from django_cachex.admin.views.bulk import get_memory_label, make_key_link
from django_cachex.admin.views.jobs import KeyCount, StateTokens, make_progress
from django_cachex.conf import limits
from django_cachex.inspectors.jobs import Job
from django_cachex.inspectors.namespaces import (
    MAX_NAMESPACE_DEPTH,
    ROOT_PATH,
    TTL_BOUNDS,
    Branch,
    Estimate,
    NamespacePath,
    NamespaceStats,
    Sample,
    Usage,
)
from django_cachex.inspectors.query import Pattern, Query
from django_cachex.inspectors.types import ScanPage

MAX_BARS = 8
MAX_ROWS = 40
MIN_SHARE = 0.01
"""A namespace inside another is only listed if it has this share of all."""


@dataclass(frozen=True)
class NamespaceReport:
    """Builds the charts and tables of the namespaces page for a user."""

    view: BaseCacheView
    job: Job[NamespaceStats]

    @property
    def stats(self) -> NamespaceStats:
        return self.job.task

    @property
    def is_sample(self) -> bool:
        """Whether the figures of a random sample are extrapolated."""
        return self.view.inspector.has_random_order and not self.job.complete

    @cached_property
    def sample(self) -> Sample:
        return Sample.of(self.job, self.view.inspector)

    def get_accuracy_note(self) -> str:
        """Return what the figures are based on."""
        if not self.stats.tree.children(ROOT_PATH) and self.stats.total.keys:
            sorting = self.stats.options
            text = _('No key name contains "%(separator)s", so there are no namespaces.')
            if sorting.prefix:
                text = _(
                    'No key name contains another "%(separator)s", so there are no sub-namespaces.'
                )
            return f"{text % {'separator': sorting.separator}} {self._get_coverage_note()}"
        if any(branch.truncated for branch in self.stats.tree.branches.values()):
            text = _(
                "There are too many namespaces for one page. The smallest are counted together."
            )
            return f"{self._get_coverage_note()} {text}"
        return self._get_coverage_note()

    def _get_coverage_note(self) -> str:
        if self.job.complete:
            return _("All keys were counted.")
        if self.is_sample and self.job.progress.total:
            return _("Estimated from a sample of the keys. ± is the 95% margin of error.")
        return _(
            "Only some of the keys were counted, in the order in which they are stored. They "
            "aren't a random sample, so the figures don't apply to the other keys."
        )

    # Namespaces.

    @property
    def by_memory(self) -> bool:
        return bool(self.stats.keys_with_memory)

    def get_share(self, weight: Usage) -> Estimate:
        """Return the share of memory, or of keys if the memory is unknown."""
        share = self.sample.memory_share(weight) if self.by_memory else None
        return share or self.sample.key_share(weight.keys) or Estimate(0.0)

    def make_bar_chart(self) -> BarChart | None:
        """Return a chart of the largest namespaces and the rest; None without namespaces."""
        branches = self.stats.tree.children(ROOT_PATH)
        if not branches:
            return None
        shown = branches[:MAX_BARS]
        bars = [
            self._make_bar(self.stats.options.pattern(path), branch.usage, path)
            for path, branch in shown
        ]
        rest = subtract_weights(self.stats.total, [branch.usage for _path, branch in shown])
        if rest.keys:
            bars.append(self._make_bar(self._get_rest_label(len(branches) - len(shown)), rest))
        title = _("Share of keys")
        if self.by_memory:
            title = _("Share of %(what)s") % {
                "what": str(get_memory_label(self.view.inspector)).lower()
            }
        return BarChart(title, bars)

    def make_kinds_chart(self) -> BarChart | None:
        """Return a chart of the kinds of keys; None if no key has a known one."""
        usages = sorted(self.stats.kinds.items(), key=lambda item: (not item[0], -item[1].keys))
        if not any(name for name, _usage in usages):
            return None
        allowed = {kind.name for kind in self.view.checker.allowed_kinds()}
        pattern = self.stats.options.pattern(ROOT_PATH) if self.stats.options.prefix else ""
        bars = []
        for name, usage in usages:
            kind = get_kinds().get(name)
            share = self.sample.key_share(usage.keys) or Estimate(0.0)
            text = f"{formatting.format_share(share)} · {self._format_estimate(usage.keys)}"
            if self.by_memory:
                size = formatting.format_size(self.sample.scale_up(usage.memory))
                text = f"{text} · {size}"
            link = self._link_keys(pattern, kind=name) if name in allowed else ""
            label = kind.label if kind is not None else _("other keys")
            bars.append(Bar(label, text, share.value, share.error, link))
        return BarChart(_("Kinds of keys"), bars)

    def _make_bar(self, label: str, weight: Usage, path: NamespacePath = ROOT_PATH) -> Bar:
        share = self.get_share(weight)
        link, kind = (self._link_keys(label), "key") if path else ("", "")
        return Bar(label, formatting.format_share(share), share.value, share.error, link, kind)

    def _link_keys(self, pattern: str, **filters: str) -> str:
        """Return the URL of the key browser with the keys that a figure is about."""
        return self.view.links.keys(self.view.inspector.alias, q=pattern, **filters)

    def _get_rest_label(self, more: int) -> str:
        if more:
            text = ngettext(
                "%(count)s other namespace, and keys without a namespace",
                "%(count)s other namespaces, and keys without a namespace",
                more,
            )
            return text % {"count": formatting.format_number(more)}
        if self.stats.tree.root.truncated:
            return _("small namespaces, and keys without a namespace")
        return _("keys without a namespace")

    def make_table(self) -> Table:
        """Return a table of the namespaces and, below each, the larger namespaces inside it."""
        headers = [
            Header(_("Namespace")),
            Header(_("Keys"), "number"),
            *([Header(get_memory_label(self.view.inspector), "number")] if self.by_memory else []),
            *([Header(_("Never expire"), "number")] if self.stats.keys_with_ttl else []),
        ]
        rows = [self._make_row(path, branch) for path, branch in self._iter_listed()][:MAX_ROWS]
        return Table(headers, rows, caption=_("Namespaces"))

    def _iter_listed(
        self, path: NamespacePath = ROOT_PATH
    ) -> Iterator[tuple[NamespacePath, Branch]]:
        for child, branch in self.stats.tree.children(path):
            if path and self.get_share(branch.usage).value < MIN_SHARE:
                continue
            yield child, branch
            yield from self._iter_listed(child)

    def _make_row(self, path: NamespacePath, branch: Branch) -> Row:
        weight, link = branch.usage, self._link_keys(self.stats.options.pattern(path))
        keys = self._format_estimate(weight.keys)
        if branch.lower_bound:
            keys = _("at least %(count)s") % {"count": keys}
        memory = make_bytes_cell(self.sample.scale_up(weight.memory))
        share = [formatting.format_share(self.get_share(weight))]
        return Row(
            [
                self._make_name_cell(path, branch),
                Cell(keys, link, kind="number", lines=[] if self.by_memory else share),
                *([replace(memory, link=link, lines=share)] if self.by_memory else []),
                *([self._make_no_expiry_cell(path, weight)] if self.stats.keys_with_ttl else []),
            ]
        )

    def _make_name_cell(self, path: NamespacePath, branch: Branch) -> Cell:
        pattern, alias = self.stats.options.pattern(path), self.view.inspector.alias
        is_counted = len(path) < MAX_NAMESPACE_DEPTH and not branch.truncated
        if is_counted and not self.stats.tree.children(path):
            return Cell(pattern, self._link_keys(pattern), kind="key")
        inside = self.view.links.namespaces(alias, under=pattern[:-1])
        actions = [Action("inside", _("Sub-namespaces"), inside)]
        return Cell(pattern, self._link_keys(pattern), kind="key", actions=actions)

    def _make_no_expiry_cell(self, path: NamespacePath, weight: Usage) -> Cell:
        share = self.sample.key_share(weight.no_expiry, weight.keys)
        if share is None:
            return Cell(formatting.NO_VALUE, kind="number")
        link = self._link_expiry(self.stats.options.pattern(path), expires=NEVER_EXPIRES)
        return Cell(formatting.format_share(share), link or None, kind="number")

    def _link_expiry(self, pattern: str, **filters: str) -> str:
        """Return the URL of the keys with some TTLs; empty if the inspector lacks the filters."""
        fields = {FILTERS[name].field for name in filters}
        return self._link_keys(pattern, **filters) if fields <= self.view.inspector.filters else ""

    def _format_estimate(self, count: int) -> str:
        number = formatting.format_number(self.sample.scale_up(count))
        is_estimate = self.sample.fraction < 1
        return _("about %(count)s") % {"count": number} if is_estimate else number

    # Expiries and large keys.

    def make_expiry_chart(self) -> BarChart | None:
        """Return a chart of when keys expire; None if that is unknown."""
        stats = self.stats
        if not stats.keys_with_ttl:
            return None
        counts = [
            (_("never"), stats.total.no_expiry, {"expires": NEVER_EXPIRES}),
            *zip(get_ttl_labels(), stats.ttl_counts, TTL_FILTERS, strict=True),
        ]
        bars = []
        for label, count, filters in counts:
            share = self.sample.key_share(count, stats.keys_with_ttl) or Estimate(0.0)
            text = f"{formatting.format_share(share)} · {self._format_estimate(count)}"
            link = self._link_expiry(stats.options.pattern(ROOT_PATH), **filters)
            bars.append(Bar(label, text, share.value, share.error, link))
        return BarChart(_("When keys expire"), bars)

    def make_largest_table(self) -> Table | None:
        """Return a table of the largest keys that were found; None if no size is known."""
        if not self.stats.largest:
            return None
        rows = []
        for size, stored in self.stats.largest:
            key = make_key_link(self.view, stored)
            rows.append(Row([Cell(key.label, key.link or None, kind="key"), make_bytes_cell(size)]))
        headers = [Header(_("Key")), Header(get_memory_label(self.view.inspector), "number")]
        return Table(headers, rows, caption=_("Largest keys found"), compact=True)


def format_counted_keys(count: int) -> str:
    text = ngettext("%(count)s key counted", "%(count)s keys counted", count)
    return text % {"count": formatting.format_number(count)}


def subtract_weights(whole: Usage, parts: list[Usage]) -> Usage:
    """Subtract the weights of some parts from the weight of the whole."""
    sums = [sum(column) for column in zip(*parts, strict=True)] or [0] * len(whole)
    return Usage(*(max(0, all_ - some) for all_, some in zip(whole, sums, strict=True)))


TTL_FILTERS = [
    {"expires": TTL_VALUES[0]},
    *({"expires_after": low, "expires": high} for low, high in pairwise(TTL_VALUES)),
    {"expires_after": TTL_VALUES[-1]},
]
"""The filters that find the keys of each range of TTLs."""


def get_ttl_labels() -> list[str]:
    """Return the labels of the ranges of TTLs."""
    ends = [formatting.format_duration(end) for end in TTL_BOUNDS]
    first = _("within %(span)s") % {"span": ends[0]}
    last = _("after %(span)s") % {"span": ends[-1]}
    between = [
        _("%(start)s to %(end)s") % {"start": start, "end": end} for start, end in pairwise(ends)
    ]
    return [first, *between, last]


EXPIRED_TEXT = gettext_lazy(
    "That page has expired or belongs to another cache. Counting starts again."
)

COUNT_SAMPLE, COUNT_ALL = "sample", "all"
"""The values of the buttons: count a sample, or all keys."""


class NamespacesView(BaseCacheView):
    """Shows how much memory, or how many keys, each namespace of a cache has."""

    permission = VIEW_NAMESPACES
    title = gettext_lazy("Namespaces")
    template_name = "admin/django_cachex/namespaces.html"

    def get_alias(self) -> str:
        return unquote(self.kwargs["object_id"])

    @cached_property
    def under(self) -> str:
        """The prefix of the names, without a `*`."""
        return self.request.GET.get("under", "").replace("*", "")

    def scan_keys(self, token: str, limit: int, deadline: float) -> ScanPage:
        query = Query(self.pattern)
        # Sessions are excluded: prefixes could guess their ids one character at a time.
        exclude = self.checker.exclusion_filter(self.inspector, query.has_filters)
        return self.inspector.scan(replace(query, exclude=exclude), token, limit, deadline)

    @cached_property
    def pattern(self) -> Pattern:
        return Pattern(f"{self.under}*" if self.under else "")

    @cached_property
    def key_count(self) -> KeyCount:
        """The count, whose tokens are bound to the prefix and the separator."""
        scope = json.dumps(["namespaces", self.under, limits().namespace_separator])
        tokens = StateTokens(self, scope, EXPIRED_TEXT)
        return KeyCount.of_view(self, tokens, self.scan_keys, self.under)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.render_to_response(self.get_context_data())

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        if not self.inspector.has_key_names:
            return super().get_context_data(empty_state=make_no_names_state(), **kwargs)
        problem = self.pattern.error
        if problem:
            return super().get_context_data(
                empty_state=make_too_long_state(problem, self.current_url(under="")), **kwargs
            )
        counted = self.key_count.load(self.request.POST.get("state", ""))
        job, can_continue = self.key_count.advance(counted)
        stats, progress = job.task, job.progress
        mode = COUNT_ALL if self.request.POST.get("step") == COUNT_ALL else COUNT_SAMPLE
        is_done = mode == COUNT_SAMPLE and progress.examined >= limits().namespace_sample
        continue_button = (
            Button(_("Count everything"), COUNT_ALL, "primary")
            if is_done
            else Button(_("Continue counting"), mode)
        )
        if not progress.examined and not progress.complete:
            # The count failed at once, which an alert explains.
            return super().get_context_data(**kwargs)
        report = NamespaceReport(self, job)
        return super().get_context_data(
            job=make_progress(
                format_counted_keys(stats.total.keys),
                progress,
                continue_button,
                self.key_count.make_fields(job),
                auto_continue=can_continue and not is_done,
            ),
            accuracy_note=report.get_accuracy_note(),
            bar_chart=report.make_bar_chart(),
            kinds_chart=report.make_kinds_chart(),
            table=report.make_table() if stats.total.keys else None,
            expiry_chart=report.make_expiry_chart(),
            largest_keys=report.make_largest_table(),
            empty_state=self.make_empty_state() if job.complete and not stats.total.keys else None,
            **kwargs,
        )

    def make_empty_state(self) -> EmptyState:
        if self.under:
            show_all = Action(
                "all-namespaces", _("All namespaces"), self.current_url(under=""), "primary"
            )
            return EmptyState(
                _("No key in this namespace"), _("All keys were examined."), [show_all]
            )
        return EmptyState(
            _("This cache is empty"), _("There are no keys with this cache's prefix and version.")
        )

    # Around the content.

    def heading(self) -> Heading:
        suffix = _("namespaces")
        if self.under:
            suffix = _("namespaces under %(under)s") % {"under": self.under}
        return Heading(self.inspector.alias, suffix, badge=make_support_badge(self.inspector))

    def breadcrumbs(self) -> Sequence[Action]:
        url = self.links.namespaces(self.inspector.alias)
        inside = [Action("inside", f"{self.under}*", "")] if self.under else []
        return [*self.cache_breadcrumbs(), Action("namespaces", _("Namespaces"), url), *inside]

    def tabs(self) -> Sequence[Action]:
        return self.cache_tabs()

    def help(self) -> HelpPanel:
        return HelpPanel("namespaces", self.inspector)


def make_too_long_state(problem: str, whole: str) -> EmptyState:
    """Return why a prefix that is too long can't be searched for."""
    all_of_them = Action("all-namespaces", _("All namespaces"), whole, "primary")
    return EmptyState(_("This search is too long"), problem, [all_of_them])


def make_no_names_state() -> EmptyState:
    """Return why a cache that does not know the names of its keys has no namespaces."""
    return EmptyState(
        _("No namespaces"),
        _("This cache stores hashes instead of key names, so the names are unknown."),
    )
