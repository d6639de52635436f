"""The health of one cache and of all caches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.admin.utils import unquote
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_cachex.admin import formatting
from django_cachex.admin.components import (
    Action,
    Badge,
    Cell,
    EmptyState,
    FindingPanel,
    Header,
    Heading,
    Row,
    Table,
)
from django_cachex.admin.health.evidence import (
    FULL_SAMPLE,
    SMALL_SAMPLE,
    KeySample,
    SampleRequest,
    SampleSize,
    gather,
    runs_in_processes,
)
from django_cachex.admin.health.report import Finding, Report, Rule, Severity, make_report
from django_cachex.admin.health.rules import RULES
from django_cachex.admin.permissions import VIEW_HEALTH, VIEW_KEYS, visible_aliases
from django_cachex.admin.states import make_support_badge
from django_cachex.admin.views.base import BaseCacheView, BaseView
from django_cachex.admin.views.bulk import make_key_link
from django_cachex.inspectors import Inspector, inspector_for
from django_cachex.inspectors.info import Text

SEVERITY_BADGES = {
    Severity.CRITICAL: Badge(gettext_lazy("critical"), "bad"),
    Severity.WARNING: Badge(gettext_lazy("warning"), "warning"),
}

FILTER_FIELDS = {"expires": "expires_within"}
"""The parameters of searches in findings, and the filters that an inspector needs for them."""


def make_reports(view: BaseView, inspectors: Sequence[Inspector], size: SampleSize) -> list[Report]:
    """Return what the rules find in some caches, as far as the user may know it."""
    checker = view.checker
    requests = [
        SampleRequest(
            inspector,
            next(reversed(checker.allowed_scopes(inspector)), None),
            checker.exclusion_filter(inspector, has_filters=False),
            checker.caches_sharing_store(inspector),
            size,
        )
        for inspector in inspectors
    ]
    visible = set(visible_aliases())
    evidence = gather(
        view.executor,
        requests,
        runs_in_processes(view.request.META),
        lambda other: other.alias in visible and checker.is_allowed(VIEW_HEALTH, other),
    )
    return [make_report(one, RULES) for one in evidence]


def format_sample(sample: KeySample) -> str:
    """Return which keys a report is based on."""
    if not sample.examined:
        return _("no keys")
    examined = formatting.format_number(sample.examined)
    if sample.is_complete:
        text = ngettext("the only key", "all %(count)s keys", sample.examined)
        return text % {"count": examined}
    if sample.total is None:
        return _("%(count)s keys") % {"count": examined}
    text = _("%(count)s of about %(total)s keys")
    return text % {"count": examined, "total": formatting.format_number(sample.total)}


def describe_sample(sample: KeySample) -> str:
    """Return sentences about the keys that a report is based on."""
    if not sample.examined:
        return _("There are no keys to examine.")
    text = _(
        "Examined: %(sample)s, and the TTLs and sizes of %(described)s keys of this cache."
    ) % {
        "sample": format_sample(sample),
        "described": formatting.format_number(len(sample.infos)),
    }
    if sample.is_complete or sample.is_random:
        return text
    order = _("They aren't a random sample, because the store lists its keys in a fixed order.")
    return f"{text} {order}"


def format_counts(report: Report) -> str:
    """Return the numbers of findings and of what is fine."""
    counts = (
        (_("%(count)s critical"), report.count(Severity.CRITICAL)),
        (
            ngettext("%(count)s warning", "%(count)s warnings", report.count(Severity.WARNING)),
            report.count(Severity.WARNING),
        ),
        (_("%(count)s fine"), len(report.passed)),
        (_("%(count)s not checked"), len(report.unchecked)),
        (_("%(count)s silenced"), len(report.silenced)),
    )
    return " · ".join(text % {"count": count} for text, count in counts if count)


def list_unchecked(report: Report) -> list[str]:
    """Return what couldn't be checked, with each reason once."""
    titles: dict[str, list[str]] = {}
    for rule, reason in report.unchecked:
        titles.setdefault(reason, []).append(str(rule.title))
    return [
        _("%(reason)s: %(titles)s") % {"titles": ", ".join(names), "reason": reason}
        for reason, names in titles.items()
    ]


class HealthView(BaseCacheView):
    """Compares the settings of a cache with its store and with a sample of its keys."""

    permission = VIEW_HEALTH
    title = gettext_lazy("Health")
    template_name = "admin/django_cachex/health.html"
    help_page = "health"

    def get_alias(self) -> str:
        return unquote(self.kwargs["object_id"])

    def heading(self) -> Heading:
        badge = make_support_badge(self.inspector)
        return Heading(self.inspector.alias, _("health"), badge=badge)

    def tabs(self) -> Sequence[Action]:
        return self.cache_tabs()

    def actions(self) -> Sequence[Action]:
        return [Action("health-of-all", _("All caches"), self.links.health_of_all())]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        [report] = make_reports(self, [self.inspector], FULL_SAMPLE)
        sample = report.evidence.key_sample.value
        return super().get_context_data(
            counts=format_counts(report),
            sample=describe_sample(sample) if sample else "",
            findings=[self._make_panel(rule, finding) for rule, finding in report.found],
            empty_state=make_empty_state(report),
            passed=[rule.title for rule in report.passed],
            unchecked=list_unchecked(report),
            unchecked_count=len(report.unchecked),
            silenced=[rule.title for rule in report.silenced],
            **kwargs,
        )

    def _make_panel(self, rule: Rule, finding: Finding) -> FindingPanel:
        can_view_keys = self.checker.is_allowed(VIEW_KEYS, self.inspector)
        visible = self.checker.filter_allowed(VIEW_KEYS, self.inspector, finding.keys)
        masked = [self.checker.mask_key(self.inspector, stored) for stored in visible]
        return FindingPanel(
            rule.id,
            finding.severity,
            rule.title,
            SEVERITY_BADGES[finding.severity],
            finding.seen,
            finding.why,
            finding.advice,
            [make_key_link(self, stored) for stored in masked] if can_view_keys else (),
            self._make_search_links(rule.title, finding) if can_view_keys else (),
        )

    def _make_search_links(self, title: Text, finding: Finding) -> Sequence[Action]:
        """Return a link to the keys of a finding that the user may search for."""
        search, inspector = finding.search, self.inspector
        fields = {FILTER_FIELDS[name] for name in search if name in FILTER_FIELDS}
        scope = search.get("scope", inspector.scopes[0])
        is_allowed = scope in self.checker.allowed_scopes(inspector)
        if not search or not is_allowed or not fields <= inspector.filters:
            return ()
        url = self.links.keys(self.inspector.alias, **search)
        return [Action("show-keys", _("Show these keys"), url, object_name=title)]


def make_empty_state(report: Report) -> EmptyState | None:
    """Return what a report without findings says; None if there are findings."""
    if report.found:
        return None
    count = len(report.passed)
    text = ngettext(
        "%(count)s check was made. It passed.",
        "%(count)s checks were made. All of them passed.",
        count,
    )
    return EmptyState(_("No problems found"), text % {"count": formatting.format_number(count)})


class AllHealthView(BaseView):
    """Lists the findings of all caches that the user may see."""

    permission = VIEW_HEALTH
    title = gettext_lazy("Health")
    template_name = "admin/django_cachex/health_of_all.html"
    help_page = "health"

    def breadcrumbs(self) -> Sequence[Action]:
        return [Action("here", self.title, "")]

    def heading(self) -> Heading:
        return Heading(_("Health of all caches"))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        inspectors = [
            inspector
            for inspector in map(inspector_for, visible_aliases())
            if self.checker.is_allowed(VIEW_HEALTH, inspector)
        ]
        reports = make_reports(self, inspectors, SMALL_SAMPLE)
        findings = [(report, rule, finding) for report in reports for rule, finding in report.found]
        findings.sort(key=lambda one: one[2].severity is not Severity.CRITICAL)
        return super().get_context_data(
            table=Table(
                [
                    Header(_("Cache")),
                    Header(_("Critical"), "number"),
                    Header(_("Warnings"), "number"),
                    Header(_("Fine"), "number"),
                    Header(_("Not checked"), "number"),
                    Header(_("Sample")),
                ],
                [self._make_cache_row(report) for report in reports],
                caption=_("Health of all caches"),
            ),
            findings=Table(
                [Header(_("Severity")), Header(_("Cache")), Header(_("Finding"))],
                [self._make_finding_row(*finding) for finding in findings],
                caption=_("Findings"),
            ),
            empty_state=EmptyState(
                _("No problems found"), _("All checks that could be made passed in every cache.")
            ),
            **kwargs,
        )

    def _make_cache_row(self, report: Report) -> Row:
        alias, sample = report.evidence.inspector.alias, report.evidence.key_sample.value
        counts = (
            *map(report.count, (Severity.CRITICAL, Severity.WARNING)),
            len(report.passed),
            len(report.unchecked),
        )
        return Row(
            [
                Cell(alias, self.links.health(alias), kind="name"),
                *(Cell(formatting.format_number(count), kind="number") for count in counts),
                Cell(format_sample(sample) if sample else formatting.NO_VALUE),
            ]
        )

    def _make_finding_row(self, report: Report, rule: Rule, finding: Finding) -> Row:
        alias = report.evidence.inspector.alias
        return Row(
            [
                Cell(badge=SEVERITY_BADGES[finding.severity]),
                Cell(alias, self.links.health(alias), kind="name"),
                Cell(rule.title, lines=[finding.seen]),
            ]
        )
