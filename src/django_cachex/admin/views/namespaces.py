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
)
from django_cachex.admin.help import HelpPanel
from django_cachex.admin.links import Links
from django_cachex.admin.permissions import SEE_NAMESPACES, Gate
from django_cachex.admin.sessions import is_session
from django_cachex.admin.views.base import CarryingPage, bytes_cell
from django_cachex.admin.views.bulk import counted_progress, memory_label, named
from django_cachex.admin.views.caches import BADGES
from django_cachex.admin.views.progress import count_on, working
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.jobs import Work
from django_cachex.inspectors.namespaces import (
    EXPIRIES,
    ROOT,
    Branch,
    Path,
    Sample,
    Share,
    Sorting,
    Survey,
    Weight,
)
from django_cachex.inspectors.query import Pattern, Query
from django_cachex.inspectors.types import Listing

MOST_DRAWN = 8
MOST_LISTED = 40
LEAST_INSIDE = 0.01
"""The part of all that a namespace within another has to have, to be listed with it."""


@dataclass(frozen=True)
class Surveyed:
    """A survey, and whose eyes it is for."""

    work: Work[Survey]
    inspector: Inspector
    gate: Gate
    links: Links

    @property
    def survey(self) -> Survey:
        return self.work.deed

    @property
    def is_sample(self) -> bool:
        """Whether a part stands for the whole."""
        return self.inspector.scans_at_random and not self.work.complete

    @cached_property
    def sample(self) -> Sample:
        at = self.work.position
        whole = self.survey.whole
        if not self.is_sample or not at.total:
            return Sample(whole)
        return Sample(whole, min(1.0, at.examined / at.total))

    def honesty(self) -> str:
        """Return what the figures are of."""
        if not self.survey.tree.under(ROOT) and self.survey.whole.keys:
            sorting = self.survey.sorting
            text = _('No key name contains "%(separator)s", so there are no namespaces.')
            if sorting.under:
                text = _(
                    'No key name contains another "%(separator)s", so there are no namespaces '
                    "inside."
                )
            return f"{text % {'separator': sorting.separator}} {self._what_was_counted()}"
        if any(branch.folds for branch in self.survey.tree.branches.values()):
            text = _(
                "There are too many namespaces for one page. The smallest are counted together."
            )
            return f"{self._what_was_counted()} {text}"
        return self._what_was_counted()

    def _what_was_counted(self) -> str:
        if self.work.complete:
            return _("All keys were counted.")
        if self.is_sample and self.work.position.total:
            return _(
                "Estimated from a sample: the numbers assume that the other keys are "
                "similar. The true share is within the range given by ± in 19 of 20 cases."
            )
        return _(
            "Only some of the keys were counted, in the order in which they are stored. They "
            "aren't a random sample, so they say nothing about the other keys."
        )

    # Namespaces.

    @property
    def by_memory(self) -> bool:
        return bool(self.survey.weighed)

    def share(self, weight: Weight) -> Share:
        """Return the share of memory, or of keys where no memory is known."""
        found = self.sample.of_memory(weight) if self.by_memory else None
        return found or self.sample.of_keys(weight.keys) or Share(0.0)

    def bars(self) -> Bars | None:
        """Return a picture of the heaviest namespaces and the rest; None where there is none."""
        branches = self.survey.tree.under(ROOT)
        if not branches:
            return None
        shown = branches[:MOST_DRAWN]
        rows = [self._bar(self.glob(path), branch.weight, path) for path, branch in shown]
        rest = minus(self.survey.whole, [branch.weight for _path, branch in shown])
        if rest.keys:
            rows.append(self._bar(self._rest_label(len(branches) - len(shown)), rest))
        title = _("Share of keys")
        if self.by_memory:
            title = _("Share of %(what)s") % {"what": str(memory_label(self.inspector)).lower()}
        return Bars(title, rows)

    def _bar(self, label: str, weight: Weight, path: Path = ROOT) -> Bar:
        share = self.share(weight)
        link = self.links.keys(self.inspector.alias, q=label) if path else ""
        return Bar(label, percent(share), share.value, share.error, link)

    def _rest_label(self, more: int) -> str:
        if more:
            text = ngettext(
                "%(count)s more, and keys without a namespace",
                "%(count)s more, and keys without a namespace",
                more,
            )
            return text % {"count": formatting.number(more)}
        if self.survey.tree.whole.folds:
            return _("small namespaces, and keys without a namespace")
        return _("keys without a namespace")

    def glob(self, path: Path) -> str:
        """Return the search for the keys of a namespace."""
        separator = self.survey.sorting.separator
        return self.survey.sorting.under + "".join(part + separator for part in path) + "*"

    def table(self) -> Table:
        """Return the namespaces and, below each, those within it that count."""
        headers = [
            Header(_("Namespace")),
            Header(_("Keys"), "number"),
            *([Header(memory_label(self.inspector), "number")] if self.by_memory else []),
            *([Header(_("Never expire"), "number")] if self.survey.timed else []),
        ]
        rows = [self._row(path, branch) for path, branch in self._listed()][:MOST_LISTED]
        return Table(headers, rows, caption=_("Namespaces"))

    def _listed(self, path: Path = ROOT) -> Iterator[tuple[Path, Branch]]:
        for one, branch in self.survey.tree.under(path):
            if path and self.share(branch.weight).value < LEAST_INSIDE:
                continue
            yield one, branch
            yield from self._listed(one)

    def _row(self, path: Path, branch: Branch) -> Row:
        weight = branch.weight
        keys = self._expected(weight.keys)
        if branch.late:
            keys = _("at least %(count)s") % {"count": keys}
        memory = bytes_cell(self.sample.expected(weight.memory))
        share = [percent(self.share(weight))]
        return Row(
            [
                self._name_cell(path),
                Cell(keys, kind="number", lines=[] if self.by_memory else share),
                *([replace(memory, lines=share)] if self.by_memory else []),
                *([self._immortal_cell(weight)] if self.survey.timed else []),
            ]
        )

    def _name_cell(self, path: Path) -> Cell:
        glob, alias = self.glob(path), self.inspector.alias
        inside = self.links.namespaces(alias, under=glob[:-1])
        return Cell(
            glob,
            self.links.keys(alias, q=glob),
            kind="key",
            actions=[Action("inside", _("inside"), inside)],
        )

    def _immortal_cell(self, weight: Weight) -> Cell:
        share = self.sample.of_keys(weight.immortal, weight.keys)
        return Cell(percent(share) if share else formatting.NOTHING, kind="number")

    def _expected(self, count: int) -> str:
        number = formatting.number(self.sample.expected(count))
        about = self.sample.fraction < 1
        return _("about %(count)s") % {"count": number} if about else number

    # Expiries and large keys.

    def expiries(self) -> Bars | None:
        """Return when keys expire, or None where nobody knows."""
        survey = self.survey
        if not survey.timed:
            return None
        counts = [(_("never"), survey.whole.immortal), *zip(spans(), survey.expiries, strict=True)]
        rows = []
        for label, count in counts:
            share = self.sample.of_keys(count, survey.timed) or Share(0.0)
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


def minus(whole: Weight, parts: list[Weight]) -> Weight:
    """Return what is left of a weight."""
    sums = [sum(column) for column in zip(*parts, strict=True)] or [0] * len(whole)
    return Weight(*(max(0, all_ - some) for all_, some in zip(whole, sums, strict=True)))


def percent(share: Share) -> str:
    """Return a share in percent, with how far it may be off."""
    value = f"{formatting.number(100 * share.value, 0 if share.value in (0, 1) else 1)} %"
    error = 100 * share.error
    if error == 0:
        return value
    return f"{value} ± {formatting.number(error, 1)}" if error >= 0.05 else f"{value} ± 0.1"


def spans() -> list[str]:
    """Return the classes of TTLs, in words."""
    ends = [formatting.duration(end) for end in EXPIRIES]
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
    expired = gettext_lazy(
        "That page has expired or belongs to another cache. Counting starts again."
    )

    def alias(self) -> str:
        return unquote(self.kwargs["object_id"])

    @cached_property
    def under(self) -> str:
        """What the names begin with; a `*` is no part of it."""
        return self.request.GET.get("under", "").replace("*", "")

    @cached_property
    def sorting(self) -> Sorting:
        separator = limits().namespace_separator
        return Sorting(separator, self.under, is_session(self.inspector))

    def matching(self, token: str, want: int, deadline: float) -> Listing:
        query = Query(self.pattern)
        # No search finds sessions letter by letter.
        exclude = self.gate.exclude(self.inspector, query.narrows)
        return self.inspector.scan(replace(query, exclude=exclude), token, want, deadline)

    @cached_property
    def pattern(self) -> Pattern:
        return Pattern(f"{self.under}*" if self.under else "")

    # What the page carries.

    def bound_to(self, what: str) -> tuple[str, Any, str, str]:
        """Return what a token is good for: the keys under one name, taken apart in one way."""
        meant = json.dumps([self.under, self.sorting.separator])
        return (what, self.request.user.pk, self.inspector.alias, meant)

    def carried(self) -> Work[Survey]:
        """Return what was counted so far; without a token that is good here, nothing."""
        state = self.unsealed(NAMESPACES, self.request.POST.get("state", ""))
        if state is None:
            return Work(Survey(self.sorting))
        return Work.of_state(state, lambda counts: Survey.of_state(counts, self.sorting))

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.render_to_response(self.get_context_data())

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        if not self.inspector.names_are_known:
            return super().get_context_data(empty=nameless(), **kwargs)
        problem = self.pattern.problem
        if problem:
            return super().get_context_data(empty=too_long(problem, self.here(under="")), **kwargs)
        work, goes_on = count_on(self, self.carried(), self.matching)
        survey, position = work.deed, work.position
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
                counted_progress(survey.whole.keys),
                position,
                more,
                [("state", self.sealed(NAMESPACES, work.state()))],
                automatic=goes_on and not enough,
            ),
            honesty=found.honesty(),
            bars=found.bars(),
            table=found.table() if survey.whole.keys else None,
            expiries=found.expiries(),
            largest=found.largest(),
            empty=self.nothing() if work.complete and not survey.whole.keys else None,
            **kwargs,
        )

    def nothing(self) -> Empty:
        if self.under:
            whole = Action("all-namespaces", _("All namespaces"), self.here(under=""), "primary")
            return Empty(_("No keys start with this"), _("All keys were examined."), [whole])
        return Empty(
            _("This cache is empty"), _("There are no keys with this cache's prefix and version.")
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

    def help(self) -> HelpPanel:
        return HelpPanel("namespaces", self.inspector)


def _count_on(wanted: str) -> Button:
    return Button(_("Continue counting"), wanted)


def too_long(problem: str, whole: str) -> Empty:
    """Return why no name begins so that namespaces could be counted under."""
    all_of_them = Action("all-namespaces", _("All namespaces"), whole, "primary")
    return Empty(_("This search is too long"), problem, [all_of_them])


def nameless() -> Empty:
    """Return why keys whose names nobody knows have no namespaces."""
    return Empty(
        _("No namespaces"),
        _("This cache stores hashes instead of key names, so the names are unknown."),
    )
