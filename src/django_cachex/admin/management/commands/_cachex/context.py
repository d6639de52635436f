"""What the subcommands share: their output, their options, and what they may do."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management import CommandError
from django.core.management.base import OutputWrapper
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_cachex.admin import formatting
from django_cachex.admin.deadline import close_broken_connections, may_have_succeeded
from django_cachex.admin.forms.base import DurationField
from django_cachex.admin.kinds import get_kinds
from django_cachex.admin.log_entries import Message
from django_cachex.admin.messages import short_error, unknown_result_message
from django_cachex.admin.permissions import (
    KeyPolicies,
    Permission,
    alias_allows,
    flush_affects_restricted,
    flush_refused_text,
    visible_aliases,
)
from django_cachex.commands.text import one_line
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector, inspector_for
from django_cachex.inspectors.jobs import FindKeys, Job, ScanProgress, advance
from django_cachex.inspectors.namespaces import NamespaceOptions, NamespaceStats
from django_cachex.inspectors.query import Pattern, PatternGroup, Query, Scope
from django_cachex.inspectors.types import TTL_NONE, ScanPage
from django_cachex.inspectors.value_search import search_keys

BAR_WIDTH = 24
"""The width of the progress bar in characters."""

EXIT_OK, EXIT_FAILED, EXIT_USAGE = 0, 1, 2
"""Exit codes: success; failed, refused or nothing found; wrong usage."""

DURATION_ERRORS = {
    "zero": gettext_lazy(
        'Enter at least 1 second. You entered "%(given)s". To delete keys, use delete.'
    ),
    "long": gettext_lazy(
        'Enter at most %(longest)s seconds, or use --never. You entered "%(given)s".'
    ),
}
"""The errors about `--in` that name other options than a form does."""

T = TypeVar("T")


def usage_error(text: str) -> CommandError:
    return CommandError(one_line(text), returncode=EXIT_USAGE)


def command_failed(text: str) -> CommandError:
    return CommandError(one_line(text), returncode=EXIT_FAILED)


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
        self._write_raw(f"{one_line(text)}\n")

    def write_question(self, question: str) -> None:
        """Write a question without a line break after it."""
        self._write_raw(f"{one_line(question)} [y/N] ")

    def write_result(self, message: str, values: Mapping[str, Any]) -> None:
        """Write what was done, as a sentence or as a JSON object."""
        if self.as_json:
            self.write_json(**values)
        else:
            self.write_text(message)

    def show_progress(self, progress: ScanProgress, message: str) -> None:
        """Draw the progress bar, if the output is a terminal."""
        if not self.err.isatty():
            return
        bar = ""
        if progress.total:
            share = 1.0 if progress.complete else min(1.0, progress.examined / progress.total)
            filled = round(share * BAR_WIDTH)
            bar = f"[{'#' * filled}{'.' * (BAR_WIDTH - filled)}] {share:4.0%} "
        examined = _("%(count)s examined") % {"count": formatting.format_number(progress.examined)}
        self._write_raw(f"\r\x1b[K{bar}{examined} · {one_line(message)}")

    def clear_progress(self) -> None:
        """Remove the progress bar."""
        if self.err.isatty():
            self._write_raw("\r\x1b[K")

    def _write_raw(self, text: str) -> None:
        """Write unchanged text to standard error."""
        self.err.write(text, style_func=str, ending="")
        self.err.flush()


def strip_control_characters(text: str) -> str:
    """Return a text with control characters escaped, except for line breaks and tabs."""
    return re.sub(r"[^\n\t]+", lambda part: one_line(part[0]), text)


def format_key_count(count: int) -> str:
    """Return a number of keys in words."""
    text = ngettext("%(count)s key", "%(count)s keys", count)
    return text % {"count": formatting.format_number(count)}


@dataclass(frozen=True)
class Change:
    """What is recorded about a change."""

    record: Callable[[Message], None]
    message: Message


@dataclass
class CommandContext:
    """The options and the output of one run, and what it may do."""

    output: Output
    options: dict[str, Any]
    user_id: Any = field(init=False)
    """The id of the user in `--user`, or None."""

    def __post_init__(self) -> None:
        self.user_id = find_user(self.options.get("user") or "")

    def __getitem__(self, name: str) -> Any:
        return self.options[name]

    def inspector(self, alias: str, permission: Permission) -> Inspector:
        """Return the inspector of a cache.

        Raises:
            CommandError: the cache does not exist, or the operation is not allowed on it.
        """
        if alias not in visible_aliases():
            known = ", ".join(visible_aliases())
            text = _('There is no cache "%(alias)s". Caches: %(known)s.')
            raise usage_error(text % {"alias": alias, "known": known})
        inspector = inspector_for(alias)
        if alias_allows(permission, inspector):
            return inspector
        for ability in permission.abilities:
            self.require(inspector, ability)
        if permission.empties_store and flush_affects_restricted(inspector):
            raise command_failed(flush_refused_text(inspector))
        raise command_failed(_('"%(alias)s" is read-only in CACHEX_ADMIN.') % {"alias": alias})

    @staticmethod
    def require(inspector: Inspector, ability: str, hint: str = "") -> None:
        """Raise CommandError unless the inspector has an ability."""
        if not getattr(inspector, ability):
            reason = inspector.unsupported_reason(ability)
            raise command_failed(f'"{inspector.alias}": {reason}{hint}')

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

    def query(self, inspector: Inspector) -> Query:
        """Return the query that `pattern`, `type` and `kind` describe."""
        type = self["type"]
        if type and type not in inspector.types:
            known = ", ".join(inspector.types) or _("none")
            text = _('"%(given)s" isn\'t a key type of this cache. Types: %(known)s.')
            raise usage_error(text % {"given": type, "known": known})
        pattern = replace(parse_pattern(self["pattern"]), group=self._kind_group(inspector))
        return Query(pattern, type=type)

    def _kind_group(self, inspector: Inspector) -> PatternGroup | None:
        """Return the patterns of the kind of keys in `kind`, or None without the option."""
        if not self["kind"]:
            return None
        kind = get_kinds().get(self["kind"]) if inspector.has_key_names else None
        if kind is None:
            known = ", ".join(sorted(get_kinds())) if inspector.has_key_names else _("none")
            text = _('"%(given)s" isn\'t a kind of keys of this cache. Kinds: %(known)s.')
            raise usage_error(text % {"given": self["kind"], "known": known})
        return kind.group(Scope.VERSION)

    def ttl(self) -> int | None:
        """Return the TTL in milliseconds, `TTL_NONE`, or None without an option.

        Raises:
            CommandError: `--in` is not a duration, or too short or too long.
        """
        duration: str | None = self["duration"]
        if self["never"] or duration is None:
            return TTL_NONE if self["never"] else None
        try:
            return DurationField(error_messages=DURATION_ERRORS).to_milliseconds(duration)
        except ValidationError as error:
            raise usage_error(f"--in: {' '.join(error.messages)}") from error

    def confirm(self, question: str) -> None:
        """Ask for confirmation unless `--yes` was given.

        Raises:
            CommandError: the answer was no, or nobody can be asked.
        """
        if self["yes"]:
            return
        if sys.stdin is None or not sys.stdin.isatty():
            text = _(
                "%(question)s There is no terminal to ask on. Use --yes to confirm, or --dry-run."
            )
            raise usage_error(text % {"question": question})
        self.output.write_question(question)
        if input().strip().lower() not in ("y", "yes"):
            raise command_failed(_("Canceled. Nothing was changed."))

    def call(
        self, inspector: Inspector, function: Callable[[], T], change: Change | None = None
    ) -> T:
        """Return the result of a call to a cache.

        Args:
            inspector: the cache.
            function: the call.
            change: the change that the call makes; recorded here if the result is unknown.

        Raises:
            CommandError: the cache failed. The message has no passwords.
        """
        try:
            return function()
        except (Exception, KeyboardInterrupt) as error:
            text = _('Error in "%(alias)s": %(reason)s')
            if change is not None and may_have_succeeded(error):
                close_broken_connections()
                change.record(unknown_result_message(error, change.message))
                text = _('Error in "%(alias)s": %(reason)s. The change may have been made anyway.')
            if isinstance(error, KeyboardInterrupt):
                raise
            values = {"alias": inspector.alias, "reason": short_error(inspector, error)}
            raise command_failed(text % values) from error

    def count_keys(
        self,
        inspector: Inspector,
        find: FindKeys,
        under: str = "",
        is_enough: Callable[[ScanProgress], bool] = lambda _progress: False,
    ) -> Job[NamespaceStats]:
        """Return a count of keys, complete or as soon as it is enough.

        Args:
            inspector: the cache.
            find: finds the keys.
            under: what the names start with.
            is_enough: returns whether to stop.
        """
        job = Job(NamespaceStats(NamespaceOptions(limits().namespace_separator, under)))
        try:
            while not job.complete and not is_enough(job.progress):
                before, deadline = job.progress.token, time.monotonic() + limits().scan_budget
                job = self.call(inspector, partial(last, advance(job, find, inspector, deadline)))
                self.output.show_progress(job.progress, format_key_count(job.task.total.keys))
                if job.progress.token == before:
                    break
        finally:
            self.output.clear_progress()
        return job


def last(items: Iterable[T]) -> T:
    *_others, item = items
    return item


def find_user(name: str) -> Any:
    """Return the id of the user with a name; None for an empty name.

    Raises:
        CommandError: there is no such user.
    """
    if not name:
        return None
    users: Any = get_user_model()
    try:
        return users._default_manager.get_by_natural_key(name).pk
    except users.DoesNotExist:
        raise usage_error(_('There is no user "%(name)s".') % {"name": name}) from None


def make_find(inspector: Inspector, query: Query, permission: Permission) -> FindKeys:
    """Return a function that finds the keys of a query on which an operation is allowed."""
    policies = KeyPolicies.of_cache(inspector)
    query = replace(query, exclude=policies.hidden_key_filter)

    def find(token: str, limit: int, deadline: float) -> ScanPage:
        page = search_keys(inspector, query, token, limit, deadline)
        keys = [stored for stored in page.keys if policies.allows(permission, stored)]
        return replace(page, keys=keys)

    return find


def parse_pattern(text: str) -> Pattern:
    """Return the pattern; raise CommandError if it is not valid."""
    pattern = Pattern(text)
    if pattern.error:
        raise usage_error(pattern.error)
    return pattern
