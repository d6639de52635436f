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
    Bars,
    Button,
    Cell,
    Empty,
    Header,
    Heading,
    Row,
    Table,
    Topic,
)
from django_cachex.admin.helptexts import namespaces_help
from django_cachex.admin.links import Links
from django_cachex.admin.permissions import SEE_NAMESPACES, Gate
from django_cachex.admin.sessions import is_session
from django_cachex.admin.views.base import CarryingPage, bytes_cell
from django_cachex.admin.views.bulk import counted_progress, memory_label, named
from django_cachex.admin.views.caches import BADGES
from django_cachex.admin.views.progress import count_on, working
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.jobs import Job
from django_cachex.inspectors.namespaces import (
    ROOT_PATH,
    TTL_BOUNDS,
    Branch,
    Estimate,
    NamespaceOptions,
    NamespacePath,
    NamespaceStats,
    Sample,
    Usage,
)
from django_cachex.inspectors.query import Pattern, Query
from django_cachex.inspectors.types import ScanPage

MOST_DRAWN = 8
MOST_LISTED = 40
LEAST_INSIDE = 0.01
"""The part of all that a namespace within another has to have, to be listed with it."""


@dataclass(frozen=True)
class Surveyed:
    """A survey, and whose eyes it is for."""

    work: Job[NamespaceStats]
    inspector: Inspector
    gate: Gate
    links: Links

    @property
    def survey(self) -> NamespaceStats:
        return self.work.task

    @property
    def is_sample(self) -> bool:
        """Whether a part stands for the whole."""
        return self.inspector.has_random_order and not self.work.complete

    @cached_property
    def sample(self) -> Sample:
        at = self.work.progress
        whole = self.survey.total
        if not self.is_sample or not at.total:
            return Sample(whole)
        return Sample(whole, min(1.0, at.examined / at.total))

    def honesty(self) -> str:
        """Return what the figures are of."""
        if not self.survey.tree.children(ROOT_PATH) and self.survey.total.keys:
            sorting = self.survey.options
            text = _('No name has a "%(separator)s" in it: there are no namespaces.')
            if sorting.prefix:
                text = _('No name has a further "%(separator)s" in it: nothing is inside.')
            return f"{text % {'separator': sorting.separator}} {self._what_was_counted()}"
        if any(branch.truncated for branch in self.survey.tree.branches.values()):
            text = _("A page has no room for all namespaces: the smallest are counted together.")
            return f"{self._what_was_counted()} {text}"
        return self._what_was_counted()

    def _what_was_counted(self) -> str:
        if self.work.complete:
            return _("Every key was counted.")
        if self.is_sample and self.work.progress.total:
            return _(
                "A sample: numbers of keys and bytes are what all would have if the rest is like "
                "it. A share is within what stands after ± nineteen times of twenty."
            )
        return _(
            "Counted in the order that this store keeps its keys in: no sample, so nothing is "
            "said of the rest."
        )

    # Namespaces.

    @property
    def by_memory(self) -> bool:
        return bool(self.survey.keys_with_memory)

    def share(self, weight: Usage) -> Estimate:
        """Return the share of memory, or of keys where no memory is known."""
        found = self.sample.memory_share(weight) if self.by_memory else None
        return found or self.sample.key_share(weight.keys) or Estimate(0.0)

    def bars(self) -> Bars | None:
        """Return a picture of the heaviest namespaces and the rest; None where there is none."""
        branches = self.survey.tree.children(ROOT_PATH)
        if not branches:
            return None
        shown = branches[:MOST_DRAWN]
        rows = [self._bar(self.glob(path), branch.usage, path) for path, branch in shown]
        rest = minus(self.survey.total, [branch.usage for _path, branch in shown])
        if rest.keys:
            rows.append(self._bar(self._rest_label(len(branches) - len(shown)), rest))
        title = _("Share of keys")
        if self.by_memory:
            title = _("Share of %(what)s") % {"what": str(memory_label(self.inspector)).lower()}
        return Bars(title, rows)

    def _bar(self, label: str, weight: Usage, path: NamespacePath = ROOT_PATH) -> Bar:
        share = self.share(weight)
        link = self.links.keys(self.inspector.alias, q=label) if path else ""
        return Bar(label, percent(share), share.value, share.error, link)

    def _rest_label(self, more: int) -> str:
        if more:
            text = ngettext(
                "%(count)s more, and what is in no namespace",
                "%(count)s more, and what is in no namespace",
                more,
            )
            return text % {"count": formatting.number(more)}
        if self.survey.tree.root.truncated:
            return _("folded, or in no namespace")
        return _("in no namespace")

    def glob(self, path: NamespacePath) -> str:
        """Return the search for the keys of a namespace."""
        separator = self.survey.options.separator
        return self.survey.options.prefix + "".join(part + separator for part in path) + "*"

    def table(self) -> Table:
        """Return the namespaces and, below each, those within it that count."""
        headers = [
            Header(_("Namespace")),
            Header(_("Keys"), "number"),
            *([Header(memory_label(self.inspector), "number")] if self.by_memory else []),
            *([Header(_("Never expire"), "number")] if self.survey.keys_with_ttl else []),
        ]
        rows = [self._row(path, branch) for path, branch in self._listed()][:MOST_LISTED]
        return Table(headers, rows, caption=_("Namespaces"))

    def _listed(self, path: NamespacePath = ROOT_PATH) -> Iterator[tuple[NamespacePath, Branch]]:
        for one, branch in self.survey.tree.children(path):
            if path and self.share(branch.usage).value < LEAST_INSIDE:
                continue
            yield one, branch
            yield from self._listed(one)

    def _row(self, path: NamespacePath, branch: Branch) -> Row:
        weight = branch.usage
        keys = self._expected(weight.keys)
        if branch.lower_bound:
            keys = _("at least %(count)s") % {"count": keys}
        memory = bytes_cell(self.sample.scale_up(weight.memory))
        share = [percent(self.share(weight))]
        return Row(
            [
                self._name_cell(path),
                Cell(keys, kind="number", lines=[] if self.by_memory else share),
                *([replace(memory, lines=share)] if self.by_memory else []),
                *([self._immortal_cell(weight)] if self.survey.keys_with_ttl else []),
            ]
        )

    def _name_cell(self, path: NamespacePath) -> Cell:
        glob, alias = self.glob(path), self.inspector.alias
        inside = self.links.namespaces(alias, under=glob[:-1])
        return Cell(
            glob,
            self.links.keys(alias, q=glob),
            kind="key",
            actions=[Action("inside", _("inside"), inside)],
        )

    def _immortal_cell(self, weight: Usage) -> Cell:
        share = self.sample.key_share(weight.no_expiry, weight.keys)
        return Cell(percent(share) if share else formatting.NOTHING, kind="number")

    def _expected(self, count: int) -> str:
        number = formatting.number(self.sample.scale_up(count))
        about = self.sample.fraction < 1
        return _("about %(count)s") % {"count": number} if about else number

    # Expiries and large keys.

    def expiries(self) -> Bars | None:
        """Return when keys expire, or None where nobody knows."""
        survey = self.survey
        if not survey.keys_with_ttl:
            return None
        counts = [
            (_("never"), survey.total.no_expiry),
            *zip(spans(), survey.ttl_counts, strict=True),
        ]
        rows = []
        for label, count in counts:
            share = self.sample.key_share(count, survey.keys_with_ttl) or Estimate(0.0)
            text = f"{percent(share)} · {self._expected(count)}"
            rows.append(Bar(label, text, share.value, share.error))
        return Bars(_("When keys expire"), rows)

    def largest(self) -> Table | None:
        """Return the heaviest keys that were found, or None where no size is known."""
        if not self.survey.largest:
            return None
        rows = []
        for size, stored in self.survey.largest:
            key = named(stored, self.inspector, self.gate, self.links)
            rows.append(Row([Cell(key.label, key.link or None, kind="key"), bytes_cell(size)]))
        headers = [Header(_("Key")), Header(memory_label(self.inspector), "number")]
        return Table(headers, rows, caption=_("Largest keys found"), compact=True)


def minus(whole: Usage, parts: list[Usage]) -> Usage:
    """Return what is left of a weight."""
    sums = [sum(column) for column in zip(*parts, strict=True)] or [0] * len(whole)
    return Usage(*(max(0, all_ - some) for all_, some in zip(whole, sums, strict=True)))


def percent(share: Estimate) -> str:
    """Return a share in percent, with how far it may be off."""
    value = f"{formatting.number(100 * share.value, 0 if share.value in (0, 1) else 1)} %"
    error = 100 * share.error
    if error == 0:
        return value
    return f"{value} ± {formatting.number(error, 1)}" if error >= 0.05 else f"{value} ± 0.1"


def spans() -> list[str]:
    """Return the classes of TTLs, in words."""
    ends = [formatting.duration(end) for end in TTL_BOUNDS]
    first = _("within %(span)s") % {"span": ends[0]}
    last = _("after %(span)s") % {"span": ends[-1]}
    between = [
        _("%(start)s to %(end)s") % {"start": start, "end": end} for start, end in pairwise(ends)
    ]
    return [first, *between, last]


NAMESPACES = "namespaces"
"""What its tokens are of."""

SAMPLE, ALL = "sample", "all"
"""How much is counted: enough to tell, or everything."""


class NamespacesPage(CarryingPage):
    act = SEE_NAMESPACES
    title = gettext_lazy("Namespaces")
    template_name = "admin/django_cachex/namespaces.html"
    expired = gettext_lazy("That page has expired or is not of this cache: this counts anew.")

    def alias(self) -> str:
        return unquote(self.kwargs["object_id"])

    @cached_property
    def under(self) -> str:
        """What the names begin with; a `*` is no part of it."""
        return self.request.GET.get("under", "").replace("*", "")

    @cached_property
    def sorting(self) -> NamespaceOptions:
        separator = limits().namespace_separator
        return NamespaceOptions(separator, self.under, is_session(self.inspector))

    def matching(self, token: str, want: int, deadline: float) -> ScanPage:
        query = Query(self.pattern)
        # No search finds sessions letter by letter.
        exclude = self.gate.exclude(self.inspector, query.has_filters)
        return self.inspector.scan(replace(query, exclude=exclude), token, want, deadline)

    @cached_property
    def pattern(self) -> Pattern:
        return Pattern(f"{self.under}*" if self.under else "")

    # What the page carries.

    def bound_to(self, what: str) -> tuple[str, Any, str, str]:
        """Return what a token is good for: the keys under one name, taken apart in one way."""
        meant = json.dumps([self.under, self.sorting.separator])
        return (what, self.request.user.pk, self.inspector.alias, meant)

    def carried(self) -> Job[NamespaceStats]:
        """Return what was counted so far; without a token that is good here, nothing."""
        state = self.unsealed(NAMESPACES, self.request.POST.get("state", ""))
        if state is None:
            return Job(NamespaceStats(self.sorting))
        return Job.from_state(state, lambda counts: NamespaceStats.from_state(counts, self.sorting))

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.render_to_response(self.get_context_data())

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        if not self.inspector.has_key_names:
            return super().get_context_data(empty=nameless(), **kwargs)
        problem = self.pattern.error
        if problem:
            return super().get_context_data(empty=too_long(problem, self.here(under="")), **kwargs)
        work, goes_on = count_on(self, self.carried(), self.matching)
        survey, position = work.task, work.progress
        wanted = ALL if self.request.POST.get("step") == ALL else SAMPLE
        enough = wanted == SAMPLE and position.examined >= limits().namespace_sample
        more = Button(_("Count everything"), ALL, "primary") if enough else _count_on(wanted)
        if (
            not position.examined and not position.complete
        ):  # It failed at once: why is said already.
            return super().get_context_data(**kwargs)
        found = Surveyed(work, self.inspector, self.gate, self.links)
        return super().get_context_data(
            working=working(
                counted_progress(survey.total.keys),
                position,
                more,
                [("state", self.sealed(NAMESPACES, work.state()))],
                automatic=goes_on and not enough,
            ),
            honesty=found.honesty(),
            bars=found.bars(),
            table=found.table() if survey.total.keys else None,
            expiries=found.expiries(),
            largest=found.largest(),
            empty=self.nothing() if work.complete and not survey.total.keys else None,
            **kwargs,
        )

    def nothing(self) -> Empty:
        if self.under:
            whole = Action("all-namespaces", _("All namespaces"), self.here(under=""), "primary")
            return Empty(_("No key begins so"), _("All were examined."), [whole])
        return Empty(
            _("This cache is empty"), _("It holds no key with this cache's prefix and version.")
        )

    # The frame.

    def heading(self) -> Heading:
        what = _("namespaces")
        if self.under:
            what = _("namespaces under %(under)s") % {"under": self.under}
        return Heading(self.inspector.alias, what, badge=BADGES[self.inspector.support])

    def trail(self) -> Sequence[Action]:
        here = self.links.namespaces(self.inspector.alias)
        inside = [Action("inside", f"{self.under}*", "")] if self.under else []
        return [*self.cache_trail(), Action("namespaces", _("Namespaces"), here), *inside]

    def tabs(self) -> Sequence[Action]:
        return self.cache_tabs()

    def help(self) -> Sequence[Topic]:
        return namespaces_help(self.inspector)


def _count_on(wanted: str) -> Button:
    return Button(_("Count on"), wanted)


def too_long(problem: str, whole: str) -> Empty:
    """Return why no name begins so that namespaces could be counted under."""
    all_of_them = Action("all-namespaces", _("All namespaces"), whole, "primary")
    return Empty(_("This is too long to search for"), problem, [all_of_them])


def nameless() -> Empty:
    """Return why keys whose names nobody knows have no namespaces."""
    return Empty(
        _("No namespaces here"),
        _("This store knows its keys by a hash: their names cannot be told from it."),
    )
