"""What a survey of a cache's keys says, in tables and pictures, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_cachex.admin import humane
from django_cachex.admin.access import Gate
from django_cachex.admin.links import Links
from django_cachex.admin.pages.cells import bytes_cell
from django_cachex.admin.pages.matched import memory_label, named
from django_cachex.admin.parts import Action, Bar, Bars, Cell, Header, Row, Table
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.jobs import Work
from django_cachex.inspectors.namespaces import (
    EXPIRIES,
    ROOT,
    Branch,
    Path,
    Sample,
    Share,
    Survey,
    Weight,
)

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
            text = _('No name has a "%(separator)s" in it: there are no namespaces.')
            if sorting.under:
                text = _('No name has a further "%(separator)s" in it: nothing is inside.')
            return f"{text % {'separator': sorting.separator}} {self._what_was_counted()}"
        if any(branch.folds for branch in self.survey.tree.branches.values()):
            text = _("A page has no room for all namespaces: the smallest are counted together.")
            return f"{self._what_was_counted()} {text}"
        return self._what_was_counted()

    def _what_was_counted(self) -> str:
        if self.work.complete:
            return _("Every key was counted.")
        if self.is_sample and self.work.position.total:
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
                "%(count)s more, and what is in no namespace",
                "%(count)s more, and what is in no namespace",
                more,
            )
            return text % {"count": humane.number(more)}
        if self.survey.tree.whole.folds:
            return _("folded, or in no namespace")
        return _("in no namespace")

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
        return Cell(percent(share) if share else humane.NOTHING, kind="number")

    def _expected(self, count: int) -> str:
        number = humane.number(self.sample.expected(count))
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
    value = f"{humane.number(100 * share.value, 0 if share.value in (0, 1) else 1)} %"
    error = 100 * share.error
    if error == 0:
        return value
    return f"{value} ± {humane.number(error, 1)}" if error >= 0.05 else f"{value} ± 0.1"


def spans() -> list[str]:
    """Return the classes of TTLs, in words."""
    ends = [humane.duration(end) for end in EXPIRIES]
    first = _("within %(span)s") % {"span": ends[0]}
    last = _("after %(span)s") % {"span": ends[-1]}
    between = [
        _("%(start)s to %(end)s") % {"start": start, "end": end} for start, end in pairwise(ends)
    ]
    return [first, *between, last]
