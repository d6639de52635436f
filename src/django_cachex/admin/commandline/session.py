"""One run of the command: its options, its caches, who is on record, and what it may do."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, TypeVar

from django.contrib.auth import get_user_model
from django.core.management import CommandError
from django.utils.translation import gettext as _

from django_cachex.admin.access import Act, Policies, alias_allows
from django_cachex.admin.audit import Message
from django_cachex.admin.commandline.output import Output, is_interactive
from django_cachex.admin.failures import in_doubt, leave_broken_connections, may_be_done, reason
from django_cachex.admin.policies import closed_by_flush, closed_text, visible_aliases
from django_cachex.commands.text import one_line
from django_cachex.inspectors import Inspector, inspector_for
from django_cachex.inspectors.jobs import Find
from django_cachex.inspectors.query import Query
from django_cachex.inspectors.types import Listing

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
                return f'"{inspector.alias}": {inspector.why_not(ability)}'
        if act.empties and closed_by_flush(inspector):
            return closed_text(inspector)
        return _('"%(alias)s" is read-only: CACHEX_ADMIN says so.') % {"alias": inspector.alias}

    def stored(self, inspector: Inspector, key: str, act: Act) -> bytes:
        """Return the stored key of a key; CommandError where policy closes it to an act."""
        stored = inspector.locate(key)
        if not Policies.around(inspector).allow(act, stored):
            text = _('The key "%(key)s" is another cache\'s, which CACHEX_ADMIN closes.')
            raise failed(text % {"key": key})
        return stored

    def finder(self, inspector: Inspector, query: Query, act: Act) -> Find:
        """Return what finds the keys of a search that policy leaves open to an act."""
        policies = Policies.around(inspector)
        query = replace(query, exclude=policies.hidden)

        def find(token: str, want: int, deadline: float) -> Listing:
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
