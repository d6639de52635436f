"""Options, output and permissions of a subcommand."""

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
from django_cachex.inspectors.jobs import FindKeys, ScanProgress
from django_cachex.inspectors.query import Pattern, Query
from django_cachex.inspectors.types import TTL_NONE, ScanPage

BAR_WIDTH = 24
"""The width of the progress bar in characters."""


@dataclass
class Output:
    """Writes results to standard output and anything else to standard error."""

    out: OutputWrapper
    err: OutputWrapper
    as_json: bool = False

    def write_json(self, **values: Any) -> None:
        """Write one result as a JSON object on one line."""
        line = json.dumps(values, ensure_ascii=False, default=str)
        if not line.isprintable():
            line = "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in line)
        self.out.write(line)

    def write_table(self, headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Write rows under their headers, in aligned columns."""
        lines = [list(map(one_line, row)) for row in (headers, *rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        for line in lines:
            cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            self.out.write("  ".join(cells).rstrip())

    def write_text(self, text: str) -> None:
        """Write a sentence; with `--json`, to standard error."""
        if self.as_json:
            self.write_error(text)
        else:
            self.out.write(one_line(text))

    def write_value(self, text: str) -> None:
        """Write a value, which may have several lines."""
        self.out.write(strip_control_characters(text))

    def write_error(self, text: str) -> None:
        self.write_raw(f"{one_line(text)}\n")

    def write_question(self, question: str) -> None:
        """Write a question without a line break after it."""
        self.write_raw(f"{one_line(question)} [y/N] ")

    def write_raw(self, text: str) -> None:
        """Write unchanged text to standard error."""
        self.err.write(text, style_func=str, ending="")
        self.err.flush()

    def write_result(self, message: str, values: Mapping[str, Any]) -> None:
        """Write what was done, as a sentence or as a JSON object."""
        if self.as_json:
            self.write_json(**values)
        else:
            self.write_text(message)

    @property
    def can_show_progress(self) -> bool:
        return bool(self.err.isatty())

    def show_progress(self, at: ScanProgress, message: str) -> None:
        """Draw the progress bar, if the output is a terminal."""
        if not self.can_show_progress:
            return
        bar = ""
        if at.total:
            share = 1.0 if at.complete else min(1.0, at.examined / at.total)
            filled = round(share * BAR_WIDTH)
            bar = f"[{'#' * filled}{'.' * (BAR_WIDTH - filled)}] {share:4.0%} "
        examined = _("%(count)s examined") % {"count": formatting.format_number(at.examined)}
        self.write_raw(f"\r\x1b[K{bar}{examined} · {one_line(message)}")

    def clear_progress(self) -> None:
        """Remove the progress bar."""
        if self.can_show_progress:
            self.write_raw("\r\x1b[K")


def strip_control_characters(text: str) -> str:
    """Return a text with control characters escaped, except for line breaks and tabs."""
    return re.sub(r"[^\n\t]+", lambda part: one_line(part[0]), text)


def is_interactive() -> bool:
    """Return whether questions can be asked on a terminal."""
    return sys.stdin is not None and sys.stdin.isatty()


T = TypeVar("T")

RecordMessage = Callable[[Message], None]
"""Records a message."""

EXIT_OK, EXIT_FAILED, EXIT_USAGE = 0, 1, 2
"""Exit codes: success; failed, refused or nothing found; wrong usage."""


class Subcommand:
    """A subcommand of `manage.py cachex`."""

    help: ClassVar[str] = ""

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        """Add the options of this subcommand."""

    @staticmethod
    def run(context: CommandContext) -> int:
        """Run the subcommand; return the exit code."""
        raise NotImplementedError


def usage_error(text: str) -> CommandError:
    return CommandError(one_line(text), returncode=EXIT_USAGE)


def command_failed(text: str) -> CommandError:
    return CommandError(one_line(text), returncode=EXIT_FAILED)


@dataclass
class CommandContext:
    """The options and the output of one run, and what it may do."""

    output: Output
    options: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.options[name]

    def inspector(self, alias: str, permission: Permission | None = None) -> Inspector:
        """Return the inspector of a cache.

        Raises:
            CommandError: the cache does not exist, or the operation is not allowed on it.
        """
        if alias not in visible_aliases():
            known = ", ".join(visible_aliases())
            text = _('There is no cache "%(alias)s". Caches: %(known)s.')
            raise usage_error(text % {"alias": alias, "known": known})
        inspector = inspector_for(alias)
        if permission is not None and not alias_allows(permission, inspector):
            raise command_failed(self._refusal_reason(permission, inspector))
        return inspector

    @staticmethod
    def _refusal_reason(permission: Permission, inspector: Inspector) -> str:
        for ability in permission.abilities:
            if not getattr(inspector, ability):
                return f'"{inspector.alias}": {inspector.unsupported_reason(ability)}'
        if permission.empties_store and flush_affects_restricted(inspector):
            return flush_refused_text(inspector)
        return _('"%(alias)s" is read-only in CACHEX_ADMIN.') % {"alias": inspector.alias}

    def stored_key(self, inspector: Inspector, key: str, permission: Permission) -> bytes:
        """Return the stored key of a key.

        Raises:
            CommandError: the key belongs to an alias whose policy does not allow the operation.
        """
        stored = inspector.make_key(key)
        if not KeyPolicies.of_cache(inspector).allows(permission, stored):
            text = _('The key "%(key)s" belongs to a cache that CACHEX_ADMIN restricts.')
            raise command_failed(text % {"key": key})
        return stored

    def make_find(self, inspector: Inspector, query: Query, permission: Permission) -> FindKeys:
        """Return a function that finds the keys of a query on which an operation is allowed."""
        policies = KeyPolicies.of_cache(inspector)
        query = replace(query, exclude=policies.hidden_key_filter)

        def find(token: str, want: int, deadline: float) -> ScanPage:
            listing = inspector.scan(query, token, want, deadline)
            keys = [stored for stored in listing.keys if policies.allows(permission, stored)]
            return replace(listing, keys=keys)

        return find

    @cached_property
    def user_id(self) -> Any:
        """The id of the user in `--user`, or None."""
        name = self.options.get("user")
        if not name:
            return None
        users: Any = get_user_model()
        try:
            return users._default_manager.get_by_natural_key(name).pk
        except users.DoesNotExist:
            raise usage_error(_('There is no user "%(name)s".') % {"name": name}) from None

    def require_user(self) -> None:
        """Raise CommandError if the user in `--user` does not exist."""
        _ = self.user_id

    def confirm(self, question: str) -> None:
        """Ask for confirmation unless `--yes` was given.

        Raises:
            CommandError: the answer was no, or nobody can be asked.
        """
        if self.options.get("yes"):
            return
        if not is_interactive():
            text = _(
                "%(question)s There is no terminal to ask on. Use --yes to confirm, or --dry-run."
            )
            raise usage_error(text % {"question": question})
        self.output.write_question(question)
        if input().strip().lower() not in ("y", "yes"):
            raise command_failed(_("Canceled. Nothing was changed."))

    def call(self, inspector: Inspector, call: Callable[[], T]) -> T:
        """Return the result of a call to a cache.

        Raises:
            CommandError: the cache failed. The message has no passwords.
        """
        try:
            return call()
        except CommandError:
            raise
        except Exception as error:
            text = _('Error in "%(alias)s": %(reason)s')
            values = {"alias": inspector.alias, "reason": short_error(inspector, error)}
            raise command_failed(text % values) from error

    def call_change(
        self, inspector: Inspector, call: Callable[[], T], record: RecordMessage, message: Message
    ) -> T:
        """Return the result of a call that changes a cache.

        Args:
            inspector: the cache.
            call: the call.
            record: records a message, used if the outcome is unknown.
            message: builds the message about the change.

        Raises:
            CommandError: the cache failed.
        """
        try:
            return call()
        except (Exception, KeyboardInterrupt) as error:
            is_unknown, is_interrupted = may_have_succeeded(error), not isinstance(error, Exception)
            if is_unknown:
                close_broken_connections()
                record(unknown_outcome_message(error, message))
            if is_interrupted:
                raise
            text = _('Error in "%(alias)s": %(reason)s')
            if is_unknown:
                text = _('Error in "%(alias)s": %(reason)s. The change may have been made anyway.')
            values = {"alias": inspector.alias, "reason": short_error(inspector, error)}
            raise command_failed(text % values) from error


def add_cache_argument(parser: ArgumentParser) -> None:
    parser.add_argument("cache", help="an alias in settings.CACHES")


def add_search_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "pattern", nargs="?", default="", help="* matches anything; without *, any part of a key"
    )
    parser.add_argument("--type", default="", help="only keys of this type")


def add_change_options(parser: ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="don't ask for confirmation")
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would be done, and change nothing"
    )
    parser.add_argument("--user", default="", help="the user to record in the admin's history")


def add_expiry_options(parser: ArgumentParser, required: bool = False) -> None:
    group = parser.add_mutually_exclusive_group(required=required)
    group.add_argument("--in", dest="seconds", type=int, help="expire in this many seconds")
    group.add_argument("--never", action="store_true", help="never expire")


def ttl_from_options(context: CommandContext) -> int | None:
    """Return the TTL in milliseconds, `TTL_NONE`, or None without an option."""
    if context["never"]:
        return TTL_NONE
    seconds: int | None = context["seconds"]
    if seconds is None:
        return None
    if not 1 <= seconds <= MAX_TIMEOUT_SECONDS:
        raise usage_error(
            _("--in must be from 1 to %(maximum)s seconds.") % {"maximum": MAX_TIMEOUT_SECONDS}
        )
    return seconds * 1000


def query_from_options(context: CommandContext, inspector: Inspector) -> Query:
    """Return the query that the options describe."""
    type = context["type"]
    if type and type not in inspector.types:
        known = ", ".join(inspector.types) or _("none")
        text = _('"%(given)s" isn\'t a key type of this cache. Types: %(known)s.')
        raise usage_error(text % {"given": type, "known": known})
    return Query(parse_pattern(context["pattern"]), type=type)


def parse_pattern(text: str) -> Pattern:
    """Return the pattern; raise CommandError if it is not valid."""
    pattern = Pattern(text)
    if pattern.error:
        raise usage_error(pattern.error)
    return pattern
