"""How many files there are and what they take."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from django_cachex.inspectors.facts import Fact, Section, Unit
from django_cachex.inspectors.filebased.folder import MOST_COUNTED


def keyspace(sizes: Sequence[int] | None, most_entries: int, folder: Fact) -> Section:
    """Return how many files there are and what they take, unless they are very many."""
    if sizes is None:
        note = _("There are more than %(files)s files; they were not counted.")
        return Section(_("Keyspace"), (folder,), note=note % {"files": f"{MOST_COUNTED:,}"})
    entries = Fact(_("Entries"), len(sizes), Unit.ENTRIES, of=most_entries)
    facts = (Fact(_("Size of files"), sum(sizes), Unit.BYTES), folder)
    return Section(_("Keyspace"), facts, headline=entries)
