"""Commands that tell how a stream, its groups and their consumers are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django_cachex.commands.args import as_name, flags
from django_cachex.commands.command import NO_SUCH_KEY, Request, Word, awaitable, blocking
from django_cachex.commands.parsers import pairs
from django_cachex.commands.streams import EntryReading

Facts = dict[str, Any]
"""What the server tells, under its own names, such as "last-generated-id"."""


class StreamInformation(EntryReading[Any]):
    """Names and ids are as in other results, entries are decoded."""

    def _xinfo_stream(
        self, key: Any, full: bool = False, version: int | None = None
    ) -> Request[Facts]:
        """Return the facts of a stream; with `full`, those of its groups and consumers, too."""
        words = ("XINFO", "STREAM", self.stored_key(key, version), *flags(("FULL", full)))
        return Request(words, self._facts, replica=True, absent=NO_SUCH_KEY)

    def _xinfo_groups(self, key: Any, version: int | None = None) -> Request[list[Facts]]:
        """Return the facts of each group."""
        words = ("XINFO", "GROUPS", self.stored_key(key, version))
        return Request(words, self._all_facts, replica=True, absent=NO_SUCH_KEY)

    def _xinfo_consumers(
        self, key: Any, groupname: Word, version: int | None = None
    ) -> Request[list[Facts]]:
        """Return the facts of each consumer of a group."""
        words = ("XINFO", "CONSUMERS", self.stored_key(key, version), as_name(groupname))
        return Request(words, self._all_facts, replica=True, absent=NO_SUCH_KEY)

    def _facts(self, flat: Sequence[Any]) -> Facts:
        return {name.decode(): self._fact(name, value) for name, value in pairs(flat)}

    def _all_facts(self, replies: Sequence[Any]) -> list[Facts]:
        return [self._facts(reply) for reply in replies]

    def _fact(self, name: bytes, value: Any) -> Any:
        if name in (b"first-entry", b"last-entry"):
            return None if value is None else self.plain_entry(value)
        if name == b"entries":
            return self.plain_entries(value)
        if name in (b"groups", b"consumers") and not isinstance(value, int):
            return self._all_facts(value)
        if name in (b"pending", b"pel") and not isinstance(value, int):
            return [[self._plain(part) for part in entry] for entry in value]
        return self._plain(value)

    def _plain(self, value: Any) -> Any:
        return self.plain_name(value) if isinstance(value, bytes) else value

    xinfo_stream, axinfo_stream = blocking(_xinfo_stream), awaitable(_xinfo_stream)
    xinfo_groups, axinfo_groups = blocking(_xinfo_groups), awaitable(_xinfo_groups)
    xinfo_consumers, axinfo_consumers = blocking(_xinfo_consumers), awaitable(_xinfo_consumers)
