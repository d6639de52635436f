"""The subcommand `doctor`, which changes nothing."""

from __future__ import annotations

from django.utils.translation import gettext as _

from django_cachex.admin.deadline import DeadlineExecutor
from django_cachex.admin.health.evidence import SampleRequest, gather
from django_cachex.admin.health.report import Finding, Report, Rule, Severity, make_report
from django_cachex.admin.health.rules import RULES
from django_cachex.admin.management.commands._cachex.context import EXIT_OK, CommandContext
from django_cachex.admin.permissions import VIEW_HEALTH, KeyPolicies, visible_aliases
from django_cachex.admin.sessions import mask_session_name, session_key_filter
from django_cachex.admin.stores import caches_sharing_store
from django_cachex.admin.views.health import describe_sample, format_counts
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector

EXIT_WARNING, EXIT_CRITICAL = 1, 2


def examine_caches(context: CommandContext) -> int:
    """Write what the rules find, and return the exit code for the worst of it."""
    aliases = dict.fromkeys(context["caches"] or visible_aliases())
    inspectors = [context.inspector(alias, VIEW_HEALTH) for alias in aliases]
    reports = list(map(make_cache_report, inspectors))
    for report in reports:
        write = _write_json if context.output.as_json else _write_report
        write(context, report)
    if any(report.count(Severity.CRITICAL) for report in reports):
        return EXIT_CRITICAL
    return EXIT_WARNING if any(report.found for report in reports) else EXIT_OK


def make_cache_report(inspector: Inspector) -> Report:
    visible = visible_aliases()
    request = SampleRequest(
        inspector,
        inspector.scopes[-1],
        KeyPolicies.of_cache(inspector).hidden_key_filter,
        caches_sharing_store(inspector),
    )
    executor = DeadlineExecutor(limits().timeout)
    [evidence] = gather(executor, [request], may_see=lambda other: other.alias in visible)
    return make_report(evidence, RULES)


def _write_json(context: CommandContext, report: Report) -> None:
    """Write a line for each finding, and for each rule that could not be checked."""
    alias = report.evidence.inspector.alias
    for rule, finding in report.found:
        context.output.write_json(
            cache=alias,
            id=rule.id,
            severity=finding.severity,
            title=rule.title,
            seen=finding.seen,
            why=finding.why,
            advice=finding.advice,
            keys=list_names(report, finding),
        )
    for rule, reason in report.unchecked:
        context.output.write_json(
            cache=alias, id=rule.id, severity="unchecked", title=rule.title, seen=reason
        )


def list_names(report: Report, finding: Finding) -> list[str]:
    """Return the names of examples. Those of sessions are masked, as it may become a log."""
    inspector = report.evidence.inspector
    is_session = session_key_filter(inspector) or (lambda stored: False)
    return [
        mask_session_name(name) if is_session(stored) else name
        for stored, name in ((stored, inspector.display_key(stored)) for stored in finding.keys)
    ]


def _write_report(context: CommandContext, report: Report) -> None:
    output, sample = context.output, report.evidence.key_sample.value
    summary = format_counts(report) if report.found else _("no problems found")
    output.write_text(f"{report.evidence.inspector.alias}: {summary}")
    if sample is not None:
        output.write_text(f"  {describe_sample(sample)}")
    for rule, finding in report.found:
        _write_finding(context, report, rule, finding)
    for rule, reason in report.unchecked:
        output.write_text(f"  {_('not checked')} {rule.id}: {reason}")


def _write_finding(context: CommandContext, report: Report, rule: Rule, finding: Finding) -> None:
    output = context.output
    output.write_text(f"  {finding.severity.upper()} {rule.id}: {finding.seen}")
    output.write_text(f"    {finding.why}")
    output.write_text(f"    {_('What to do:')} {finding.advice}")
    for name in list_names(report, finding):
        output.write_text(f"    - {name}")
