"""The rules that a cache is checked against, and what they find."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from inspect import cleandoc

from django_cachex.admin.health.evidence import Evidence, NotApplicable, Unknown
from django_cachex.conf import limits
from django_cachex.inspectors.info import Text


class Severity(StrEnum):
    """How bad a finding is, the worst first."""

    CRITICAL = "critical"
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """What a rule found."""

    severity: Severity
    seen: Text
    """What was seen, in numbers."""

    why: Text
    """Why it matters."""

    advice: Text
    """What to do."""

    search: Mapping[str, str] = field(default_factory=dict)
    """The parameters of a search for the keys that it is about; empty for none."""

    keys: Sequence[bytes] = ()
    """The stored keys of examples."""


@dataclass(frozen=True)
class Rule:
    """Something that may be wrong with a cache. The docstring of `find` says what."""

    id: str
    title: Text
    find: Callable[[Evidence], Finding | None]
    """Returns what is wrong, or None. Raises `Unknown` or `NotApplicable`."""

    @property
    def description(self) -> str:
        """What the rule looks for, in one paragraph of English."""
        return " ".join(cleandoc(self.find.__doc__ or "").split())

    def is_silenced(self, alias: str) -> bool:
        """Return whether `CACHEX_ADMIN` silences the rule, for this cache or for all."""
        return not {self.id, f"{alias}:{self.id}"}.isdisjoint(limits().silenced_findings)


@dataclass(frozen=True)
class Report:
    """What the rules found in one cache."""

    evidence: Evidence
    found: Sequence[tuple[Rule, Finding]] = ()
    """The findings, the worst first."""

    silenced: Sequence[Rule] = ()
    """The rules whose findings are silenced."""

    passed: Sequence[Rule] = ()
    unchecked: Sequence[tuple[Rule, str]] = ()
    """The rules that couldn't be checked, with the reasons."""

    def count(self, severity: Severity) -> int:
        return sum(finding.severity is severity for _rule, finding in self.found)


def make_report(evidence: Evidence, rules: Sequence[Rule]) -> Report:
    """Return what the rules find. Those about other backends are left out."""
    found: list[tuple[Rule, Finding]] = []
    silenced: list[Rule] = []
    passed: list[Rule] = []
    unchecked: list[tuple[Rule, str]] = []
    for rule in rules:
        try:
            finding = rule.find(evidence)
        except NotApplicable:
            continue
        except Unknown as reason:
            unchecked.append((rule, str(reason)))
            continue
        if finding is None:
            passed.append(rule)
        elif rule.is_silenced(evidence.inspector.alias):
            silenced.append(rule)
        else:
            found.append((rule, finding))
    found.sort(key=lambda pair: pair[1].severity is not Severity.CRITICAL)
    return Report(evidence, found, silenced, passed, unchecked)
