"""Caches, and what is known of them."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.utils.translation import gettext as _

from django_cachex.admin import humane
from django_cachex.admin.access import SEE_INFO, visible_aliases
from django_cachex.admin.asking import Answer, Asker
from django_cachex.admin.commandline.options import add_cache
from django_cachex.admin.commandline.session import DONE, FAILED, Session, Subcommand
from django_cachex.admin.failures import reason
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector, inspector_for
from django_cachex.inspectors.info import Fact, Section, Status


class Caches(Subcommand):
    help = "List the caches of settings.CACHES, and whether they answer."

    @staticmethod
    def run(session: Session) -> int:
        inspectors = [inspector_for(alias) for alias in visible_aliases()]
        asker = Asker(limits().timeout)
        answers = asker.ask_all({inspector: inspector.status for inspector in inspectors})
        if session.output.as_json:
            for inspector in inspectors:
                session.output.record(**as_values(inspector, answers[inspector]))
        else:
            headers = [_("CACHE"), _("LEVEL"), _("KEYS"), _("MEMORY"), _("STATE"), _("BACKEND")]
            rows = [_row(inspector, answers[inspector]) for inspector in inspectors]
            session.output.table([*headers, _("LOCATION")], rows)
        is_down = any(answer.error is not None for answer in answers.values())
        return FAILED if is_down else DONE


def as_values(inspector: Inspector, answer: Answer[Status]) -> dict[str, Any]:
    """Return what is known of a cache, for programs."""
    status = answer.value or Status()
    return {
        "cache": inspector.alias,
        "backend": inspector.backend,
        "location": inspector.location,
        "support": str(inspector.support),
        "keys": status.keys,
        "memory": status.memory,
        "latency": status.latency,
        "up": answer.error is None,
        "error": None if answer.error is None else reason(inspector, answer.error),
    }


def _row(inspector: Inspector, answer: Answer[Status]) -> list[str]:
    status = answer.value or Status()
    state = _("up") if answer.error is None else _("down")
    if answer.error is not None:
        state = f"{state}: {reason(inspector, answer.error)}"
    return [
        inspector.alias,
        str(inspector.support),
        humane.NOTHING if status.keys is None else humane.number(status.keys),
        humane.NOTHING if status.memory is None else humane.size(status.memory),
        state,
        inspector.backend,
        inspector.location,
    ]


class Info(Subcommand):
    help = "Show what a cache is configured as and what its server says of itself."

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        add_cache(parser)

    @staticmethod
    def run(session: Session) -> int:
        inspector = session.inspector(session["cache"], SEE_INFO)
        sections = [inspector.configuration(), *session.attempt(inspector, inspector.info)]
        for section in sections:
            if session.output.as_json:
                _record_section(session, section)
            else:
                _say_section(session, section)
        return DONE


def _facts(section: Section) -> list[Fact]:
    return [*([section.headline] if section.headline else []), *section.facts]


def _record_section(session: Session, section: Section) -> None:
    for fact in _facts(section):
        session.output.record(section=section.title, **_as_values(fact))
    for row in section.rows:
        values = zip(section.columns, row, strict=False)
        session.output.record(
            section=section.title, **{str(column): fact.value for column, fact in values}
        )


def _say_section(session: Session, section: Section) -> None:
    output = session.output
    output.say(str(section.title))
    for fact in _facts(section):
        output.say(f"  {fact.label}: {_in_words(fact)}")
    if section.rows:
        rows = [[_in_words(fact) for fact in row] for row in section.rows]
        output.table([str(column) for column in section.columns], rows)
    if section.note:
        output.say(f"  {section.note}")


def _in_words(fact: Fact) -> str:
    text, _exact = humane.amount(fact.value, fact.unit)
    return text


def _as_values(fact: Fact) -> dict[str, Any]:
    return {"label": str(fact.label), "value": fact.value, "unit": str(fact.unit)}
