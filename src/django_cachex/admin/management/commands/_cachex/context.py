"""Options, output and permissions of a run."""

from __future__ import annotations

import json
import re
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, TypeVar

from django.contrib.auth import get_user_model
from django.core.management import CommandError
from django.core.management.base import OutputWrapper
from django.utils.translation import gettext as _

from django_cachex.admin import formatting
from django_cachex.admin.errors import (
    close_broken_connections,
    may_have_succeeded,
    short_error,
    unknown_outcome_message,
)
from django_cachex.admin.forms.base import MAX_TIMEOUT_SECONDS
from django_cachex.admin.log_entries import Message
from django_cachex.admin.permissions import (
    KeyPolicies,
    Permission,
    alias_allows,
    flush_affects_restricted,
    flush_refused_text,
    visible_aliases,
)
from django_cachex.commands.text import one_line
from django_cachex.inspectors import Inspector, inspector_for
from django_cachex.inspectors.jobs import Find, Position
from django_cachex.inspectors.query import Pattern, Query
from django_cachex.inspectors.types import TTL_NONE, Listing

BAR_WIDTH = 24
"""Characters of a progress bar."""


@dataclass
class Output:
    """Where a command writes to: results to one stream, all else to the other."""

    out: OutputWrapper
    err: OutputWrapper
    as_json: bool = False

    def write_json(self, **values: Any) -> None:
        """Write one result for programs: an object on one line."""
        line = json.dumps(values, ensure_ascii=False, default=str)
        if not line.isprintable():
            line = "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in line)
        self.out.write(line)

    def write_table(self, headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Write rows under their headers, each column as wide as it needs."""
        lines = [list(map(one_line, row)) for row in (headers, *rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        for line in lines:
            cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            self.out.write("  ".join(cells).rstrip())

    def write_text(self, text: str) -> None:
        """Write a sentence for people; programs read the results."""
        if self.as_json:
            self.write_error(text)
        else:
            self.out.write(one_line(text))

    def write_value(self, text: str) -> None:
        """Write a value for people: it may have several lines."""
        self.out.write(strip_control_characters(text))

    def write_error(self, text: str) -> None:
        self.write_raw(f"{one_line(text)}\n")

    def write_question(self, question: str) -> None:
        """Write a question, which is answered on its line."""
        self.write_raw(f"{one_line(question)} [y/N] ")

    def write_raw(self, text: str) -> None:
        """Write as it stands to whoever looks."""
        self.err.write(text, style_func=str, ending="")
        self.err.flush()

    def write_result(self, said: str, values: Mapping[str, Any]) -> None:
        """Write what was done, in a sentence or as an object."""
        if self.as_json:
            self.write_json(**values)
        else:
            self.write_text(said)

    # Progress, on a terminal only.

    @property
    def can_show_progress(self) -> bool:
        return bool(self.err.isatty())

    def show_progress(self, at: Position, said: str) -> None:
        """Draw how far a search has come, over what was drawn before."""
        if not self.can_show_progress:
            return
        bar = ""
        if at.total:
            share = 1.0 if at.complete else min(1.0, at.examined / at.total)
            filled = round(share * BAR_WIDTH)
            bar = f"[{'#' * filled}{'.' * (BAR_WIDTH - filled)}] {share:4.0%} "
        examined = _("%(count)s examined") % {"count": formatting.format_number(at.examined)}
        self.write_raw(f"\r\x1b[K{bar}{examined} · {one_line(said)}")

    def clear_progress(self) -> None:
        """Take the bar away."""
        if self.can_show_progress:
            self.write_raw("\r\x1b[K")


def strip_control_characters(text: str) -> str:
    """Return a text of several lines without what a terminal would take for commands."""
    return re.sub(r"[^\n\t]+", lambda part: one_line(part[0]), text)


def is_interactive() -> bool:
    """Return whether somebody can be asked."""
    return sys.stdin is not None and sys.stdin.isatty()


T = TypeVar("T")

RecordMessage = Callable[[Message], None]
"""Puts a message on record."""

EXIT_OK, EXIT_FAILED, EXIT_USAGE = 0, 1, 2
"""What the command exits with: all done; failed, refused or nothing found; not understood."""


class Subcommand:
    """One of the things that the command does."""

    help: ClassVar[str] = ""

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        """Add the options that it has, beside those that all have."""

    @staticmethod
    def run(session: CommandContext) -> int:
        """Do it; return what the command exits with."""
        raise NotImplementedError


def usage_error(text: str) -> CommandError:
    return CommandError(one_line(text), returncode=EXIT_USAGE)


def command_failed(text: str) -> CommandError:
    return CommandError(one_line(text), returncode=EXIT_FAILED)


@dataclass
class CommandContext:
    """What a subcommand is given."""

    output: Output
    options: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.options[name]

    def inspector(self, alias: str, act: Permission | None = None) -> Inspector:
        """Return a cache's inspector; CommandError for none, or where an act is not allowed."""
        if alias not in visible_aliases():
            known = ", ".join(visible_aliases())
            text = _('There is no cache "%(alias)s". There are: %(known)s.')
            raise usage_error(text % {"alias": alias, "known": known})
        inspector = inspector_for(alias)
        if act is not None and not alias_allows(act, inspector):
            raise command_failed(self._refusal_reason(act, inspector))
        return inspector

    @staticmethod
    def _refusal_reason(act: Permission, inspector: Inspector) -> str:
        for ability in act.abilities:
            if not getattr(inspector, ability):
                return f'"{inspector.alias}": {inspector.why_not(ability)}'
        if act.empties_store and flush_affects_restricted(inspector):
            return flush_refused_text(inspector)
        return _('"%(alias)s" is read-only: CACHEX_ADMIN says so.') % {"alias": inspector.alias}

    def stored_key(self, inspector: Inspector, key: str, act: Permission) -> bytes:
        """Return the stored key of a key; CommandError where policy closes it to an act."""
        stored = inspector.locate(key)
        if not KeyPolicies.of_cache(inspector).allows(act, stored):
            text = _('The key "%(key)s" is another cache\'s, which CACHEX_ADMIN closes.')
            raise command_failed(text % {"key": key})
        return stored

    def make_find(self, inspector: Inspector, query: Query, act: Permission) -> Find:
        """Return what finds the keys of a search that policy leaves open to an act."""
        policies = KeyPolicies.of_cache(inspector)
        query = replace(query, exclude=policies.hidden_key_filter)

        def find(token: str, want: int, deadline: float) -> Listing:
            listing = inspector.scan(query, token, want, deadline)
            keys = [stored for stored in listing.keys if policies.allows(act, stored)]
            return replace(listing, keys=keys)

        return find

    @cached_property
    def user_id(self) -> Any:
        """Whose `LogEntry` it will be, or None."""
        name = self.options.get("user")
        if not name:
            return None
        users: Any = get_user_model()
        try:
            return users._default_manager.get_by_natural_key(name).pk
        except users.DoesNotExist:
            raise usage_error(_('There is no user "%(name)s".') % {"name": name}) from None

    def require_user(self) -> None:
        """Raise CommandError for an unknown user, before anything is done."""
        _ = self.user_id

    def confirm(self, question: str) -> None:
        """Return if the person agrees, or said so before; CommandError otherwise."""
        if self.options.get("yes"):
            return
        if not is_interactive():
            text = _("%(question)s Nobody is there to be asked: say --yes, or --dry-run to look.")
            raise usage_error(text % {"question": question})
        self.output.write_question(question)
        if input().strip().lower() not in ("y", "yes"):
            raise command_failed(_("Nothing done."))

    def call(self, inspector: Inspector, ask: Callable[[], T]) -> T:
        """Return a cache's answer; CommandError, without its passwords, where it fails."""
        try:
            return ask()
        except CommandError:
            raise
        except Exception as error:
            text = _('"%(alias)s" failed: %(reason)s')
            what = {"alias": inspector.alias, "reason": short_error(inspector, error)}
            raise command_failed(text % what) from error

    def call_change(
        self, inspector: Inspector, ask: Callable[[], T], record: RecordMessage, said: Message
    ) -> T:
        """Return a cache's answer to a change; where none comes, `record` what was asked for.

        `said` is what would be on record, had it been done.
        """
        try:
            return ask()
        except (Exception, KeyboardInterrupt) as error:
            doubtful, interrupted = may_have_succeeded(error), not isinstance(error, Exception)
            if doubtful:
                close_broken_connections()
                record(unknown_outcome_message(error, said))
            if interrupted:
                raise
            text = _('"%(alias)s" failed: %(reason)s')
            if doubtful:
                text = _('"%(alias)s" failed, and may have done it: look again. %(reason)s')
            what = {"alias": inspector.alias, "reason": short_error(inspector, error)}
            raise command_failed(text % what) from error


def add_cache_argument(parser: ArgumentParser) -> None:
    parser.add_argument("cache", help="an alias of settings.CACHES")


def add_search_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "pattern", nargs="?", default="", help="* stands for anything; text without * for a part"
    )
    parser.add_argument("--type", default="", help="only keys of this type")


def add_change_options(parser: ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done")
    parser.add_argument("--user", default="", help="whose name is put on record")


def add_expiry_options(parser: ArgumentParser, required: bool = False) -> None:
    group = parser.add_mutually_exclusive_group(required=required)
    group.add_argument("--in", dest="seconds", type=int, help="seconds to live")
    group.add_argument("--never", action="store_true", help="live until deleted")


def ttl_from_options(session: CommandContext) -> int | None:
    """Return the TTL in milliseconds, `NEVER`, or None where nothing was said."""
    if session["never"]:
        return TTL_NONE
    seconds: int | None = session["seconds"]
    if seconds is None:
        return None
    if not 1 <= seconds <= MAX_TIMEOUT_SECONDS:
        raise usage_error(_("--in takes 1 second to %(most)s.") % {"most": MAX_TIMEOUT_SECONDS})
    return seconds * 1000


def query_from_options(session: CommandContext, inspector: Inspector) -> Query:
    """Return the search that the options say."""
    type = session["type"]
    if type and type not in inspector.types:
        known = ", ".join(inspector.types) or _("none")
        text = _('There is no key type "%(given)s" here; there are: %(known)s.')
        raise usage_error(text % {"given": type, "known": known})
    return Query(parse_pattern(session["pattern"]), type=type)


def parse_pattern(text: str) -> Pattern:
    """Return the pattern that was typed."""
    pattern = Pattern(text)
    if pattern.problem:
        raise usage_error(pattern.problem)
    return pattern
