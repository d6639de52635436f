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
from django_cachex.admin.errors import in_doubt, leave_broken_connections, may_be_done, reason
from django_cachex.admin.forms.base import LONGEST_TIMEOUT
from django_cachex.admin.log_entries import Message
from django_cachex.admin.permissions import (
    Act,
    Policies,
    alias_allows,
    closed_by_flush,
    closed_text,
    visible_aliases,
)
from django_cachex.commands.text import one_line
from django_cachex.inspectors import Inspector, inspector_for
from django_cachex.inspectors.jobs import FindKeys, ScanProgress
from django_cachex.inspectors.query import Pattern, Query
from django_cachex.inspectors.types import TTL_NONE, ScanPage

WIDTH = 24
"""Characters of a progress bar."""


@dataclass
class Output:
    """Where a command writes to: results to one stream, all else to the other."""

    out: OutputWrapper
    err: OutputWrapper
    as_json: bool = False

    def record(self, **values: Any) -> None:
        """Write one result for programs: an object on one line."""
        line = json.dumps(values, ensure_ascii=False, default=str)
        if not line.isprintable():
            line = "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in line)
        self.out.write(line)

    def table(self, headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Write rows under their headers, each column as wide as it needs."""
        lines = [list(map(one_line, row)) for row in (headers, *rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        for line in lines:
            cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            self.out.write("  ".join(cells).rstrip())

    def say(self, text: str) -> None:
        """Write a sentence for people; programs read the results."""
        if self.as_json:
            self.warn(text)
        else:
            self.out.write(one_line(text))

    def show(self, text: str) -> None:
        """Write a value for people: it may have several lines."""
        self.out.write(plain(text))

    def warn(self, text: str) -> None:
        self.draw(f"{one_line(text)}\n")

    def ask(self, question: str) -> None:
        """Write a question, which is answered on its line."""
        self.draw(f"{one_line(question)} [y/N] ")

    def draw(self, text: str) -> None:
        """Write as it stands to whoever looks."""
        self.err.write(text, style_func=str, ending="")
        self.err.flush()

    def result(self, said: str, values: Mapping[str, Any]) -> None:
        """Write what was done, in a sentence or as an object."""
        if self.as_json:
            self.record(**values)
        else:
            self.say(said)

    # Progress, on a terminal only.

    @property
    def shows_progress(self) -> bool:
        return bool(self.err.isatty())

    def progress(self, at: ScanProgress, said: str) -> None:
        """Draw how far a search has come, over what was drawn before."""
        if not self.shows_progress:
            return
        bar = ""
        if at.total:
            share = 1.0 if at.complete else min(1.0, at.examined / at.total)
            filled = round(share * WIDTH)
            bar = f"[{'#' * filled}{'.' * (WIDTH - filled)}] {share:4.0%} "
        examined = _("%(count)s examined") % {"count": formatting.number(at.examined)}
        self.draw(f"\r\x1b[K{bar}{examined} · {one_line(said)}")

    def progress_ends(self) -> None:
        """Take the bar away."""
        if self.shows_progress:
            self.draw("\r\x1b[K")


def plain(text: str) -> str:
    """Return a text of several lines without what a terminal would take for commands."""
    return re.sub(r"[^\n\t]+", lambda part: one_line(part[0]), text)


def is_interactive() -> bool:
    """Return whether somebody can be asked."""
    return sys.stdin is not None and sys.stdin.isatty()


T = TypeVar("T")

Record = Callable[[Message], None]
"""Puts a message on record."""

DONE, FAILED, USAGE = 0, 1, 2
"""What the command exits with: all done; failed, refused or nothing found; not understood."""


class Subcommand:
    """One of the things that the command does."""

    help: ClassVar[str] = ""

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        """Add the options that it has, beside those that all have."""

    @staticmethod
    def run(session: Session) -> int:
        """Do it; return what the command exits with."""
        raise NotImplementedError


def usage(text: str) -> CommandError:
    return CommandError(one_line(text), returncode=USAGE)


def failed(text: str) -> CommandError:
    return CommandError(one_line(text), returncode=FAILED)


@dataclass
class Session:
    """What a subcommand is given."""

    output: Output
    options: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.options[name]

    def inspector(self, alias: str, act: Act | None = None) -> Inspector:
        """Return a cache's inspector; CommandError for none, or where an act is not allowed."""
        if alias not in visible_aliases():
            known = ", ".join(visible_aliases())
            text = _('There is no cache "%(alias)s". There are: %(known)s.')
            raise usage(text % {"alias": alias, "known": known})
        inspector = inspector_for(alias)
        if act is not None and not alias_allows(act, inspector):
            raise failed(self._why_not(act, inspector))
        return inspector

    @staticmethod
    def _why_not(act: Act, inspector: Inspector) -> str:
        for ability in act.abilities:
            if not getattr(inspector, ability):
                return f'"{inspector.alias}": {inspector.unsupported_reason(ability)}'
        if act.empties and closed_by_flush(inspector):
            return closed_text(inspector)
        return _('"%(alias)s" is read-only: CACHEX_ADMIN says so.') % {"alias": inspector.alias}

    def stored(self, inspector: Inspector, key: str, act: Act) -> bytes:
        """Return the stored key of a key; CommandError where policy closes it to an act."""
        stored = inspector.make_key(key)
        if not Policies.around(inspector).allow(act, stored):
            text = _('The key "%(key)s" is another cache\'s, which CACHEX_ADMIN closes.')
            raise failed(text % {"key": key})
        return stored

    def finder(self, inspector: Inspector, query: Query, act: Act) -> FindKeys:
        """Return what finds the keys of a search that policy leaves open to an act."""
        policies = Policies.around(inspector)
        query = replace(query, exclude=policies.hidden)

        def find(token: str, want: int, deadline: float) -> ScanPage:
            listing = inspector.scan(query, token, want, deadline)
            keys = [stored for stored in listing.keys if policies.allow(act, stored)]
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
            raise usage(_('There is no user "%(name)s".') % {"name": name}) from None

    def check_user(self) -> None:
        """Raise CommandError for an unknown user, before anything is done."""
        _ = self.user_id

    def agree(self, question: str) -> None:
        """Return if the person agrees, or said so before; CommandError otherwise."""
        if self.options.get("yes"):
            return
        if not is_interactive():
            text = _("%(question)s Nobody is there to be asked: say --yes, or --dry-run to look.")
            raise usage(text % {"question": question})
        self.output.ask(question)
        if input().strip().lower() not in ("y", "yes"):
            raise failed(_("Nothing done."))

    def attempt(self, inspector: Inspector, ask: Callable[[], T]) -> T:
        """Return a cache's answer; CommandError, without its passwords, where it fails."""
        try:
            return ask()
        except CommandError:
            raise
        except Exception as error:
            text = _('"%(alias)s" failed: %(reason)s')
            what = {"alias": inspector.alias, "reason": reason(inspector, error)}
            raise failed(text % what) from error

    def change(
        self, inspector: Inspector, ask: Callable[[], T], record: Record, said: Message
    ) -> T:
        """Return a cache's answer to a change; where none comes, `record` what was asked for.

        `said` is what would be on record, had it been done.
        """
        try:
            return ask()
        except (Exception, KeyboardInterrupt) as error:
            doubtful, interrupted = may_be_done(error), not isinstance(error, Exception)
            if doubtful:
                leave_broken_connections()
                record(in_doubt(error, said))
            if interrupted:
                raise
            text = _('"%(alias)s" failed: %(reason)s')
            if doubtful:
                text = _('"%(alias)s" failed, and may have done it: look again. %(reason)s')
            what = {"alias": inspector.alias, "reason": reason(inspector, error)}
            raise failed(text % what) from error


def add_cache(parser: ArgumentParser) -> None:
    parser.add_argument("cache", help="an alias of settings.CACHES")


def add_search(parser: ArgumentParser) -> None:
    parser.add_argument(
        "pattern", nargs="?", default="", help="* stands for anything; text without * for a part"
    )
    parser.add_argument("--type", default="", help="only keys of this type")


def add_changing(parser: ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done")
    parser.add_argument("--user", default="", help="whose name is put on record")


def add_expiry(parser: ArgumentParser, required: bool = False) -> None:
    group = parser.add_mutually_exclusive_group(required=required)
    group.add_argument("--in", dest="seconds", type=int, help="seconds to live")
    group.add_argument("--never", action="store_true", help="live until deleted")


def expiry(session: Session) -> int | None:
    """Return the TTL in milliseconds, `NEVER`, or None where nothing was said."""
    if session["never"]:
        return TTL_NONE
    seconds: int | None = session["seconds"]
    if seconds is None:
        return None
    if not 1 <= seconds <= LONGEST_TIMEOUT:
        raise usage(_("--in takes 1 second to %(most)s.") % {"most": LONGEST_TIMEOUT})
    return seconds * 1000


def query_of(session: Session, inspector: Inspector) -> Query:
    """Return the search that the options say."""
    type = session["type"]
    if type and type not in inspector.types:
        known = ", ".join(inspector.types) or _("none")
        text = _('There is no key type "%(given)s" here; there are: %(known)s.')
        raise usage(text % {"given": type, "known": known})
    return Query(pattern_of(session["pattern"]), type=type)


def pattern_of(text: str) -> Pattern:
    """Return the pattern that was typed."""
    pattern = Pattern(text)
    if pattern.error:
        raise usage(pattern.error)
    return pattern
