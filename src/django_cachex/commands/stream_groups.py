"""Commands on the consumer groups of a stream."""

from __future__ import annotations

from typing import Any

from django_cachex.commands.args import as_name, flags, several_names
from django_cachex.commands.base import Commands, options
from django_cachex.commands.command import Request, Word, awaitable, blocking, done
from django_cachex.commands.exceptions import CommandError

NO_GROUP = CommandError("NOGROUP No such key or consumer group.")
"""What commands on a group answer where there is none."""

NO_STREAM = CommandError("ERR The XGROUP subcommand requires the key to exist.")


class StreamGroups(Commands):
    """A group remembers the id up to which its consumers were given entries."""

    def _xgroup_create(
        self,
        key: Any,
        groupname: Word,
        id: Word = "$",
        mkstream: bool = False,
        entries_read: int | None = None,
        version: int | None = None,
    ) -> Request[None]:
        """Make a group that is given what comes after `id`; "$" is the last entry.

        With `mkstream`, an empty stream is made where there is no such key. `entries_read` is what
        the group counts from: Valkey or Redis 7.0. Raise `CommandError` if there is such a group.
        """
        words = ("XGROUP", "CREATE", self.stored_key(key, version), as_name(groupname), as_name(id))
        given = (*flags(("MKSTREAM", mkstream)), *options(("ENTRIESREAD", entries_read)))
        return Request((*words, *given), done, absent=None if mkstream else NO_STREAM)

    def _xgroup_setid(
        self,
        key: Any,
        groupname: Word,
        id: Word,
        entries_read: int | None = None,
        version: int | None = None,
    ) -> Request[None]:
        """Let a group go on after `id`: see `xgroup_create`."""
        words = ("XGROUP", "SETID", self.stored_key(key, version), as_name(groupname), as_name(id))
        given = options(("ENTRIESREAD", entries_read))
        return Request((*words, *given), done, absent=NO_STREAM)

    def _xgroup_destroy(
        self, key: Any, groupname: Word, version: int | None = None
    ) -> Request[bool]:
        """Delete a group and what is pending in it; return whether there was one."""
        words = ("XGROUP", "DESTROY", self.stored_key(key, version), as_name(groupname))
        return Request(words, bool, absent=NO_STREAM)

    def _xgroup_createconsumer(
        self, key: Any, groupname: Word, consumername: Word, version: int | None = None
    ) -> Request[bool]:
        """Make a consumer, as reading does by itself; return whether there was none."""
        return self._on_consumer("CREATECONSUMER", key, groupname, consumername, bool, version)

    def _xgroup_delconsumer(
        self, key: Any, groupname: Word, consumername: Word, version: int | None = None
    ) -> Request[int]:
        """Delete a consumer; return how many entries were pending, which nobody can claim now."""
        return self._on_consumer("DELCONSUMER", key, groupname, consumername, int, version)

    def _on_consumer(
        self, name: str, key: Any, group: Word, consumer: Word, read: Any, version: Any
    ) -> Request[Any]:
        words = ("XGROUP", name, self.stored_key(key, version), as_name(group), as_name(consumer))
        return Request(words, read, absent=NO_STREAM)

    def _xack(
        self, key: Any, groupname: Word, *ids: Word, version: int | None = None
    ) -> Request[int]:
        """Say that these entries are dealt with; return how many were pending."""
        words = ("XACK", self.stored_key(key, version), as_name(groupname), *several_names(ids))
        return Request(words, int, absent=0)

    xgroup_create, axgroup_create = blocking(_xgroup_create), awaitable(_xgroup_create)
    xgroup_setid, axgroup_setid = blocking(_xgroup_setid), awaitable(_xgroup_setid)
    xgroup_destroy, axgroup_destroy = blocking(_xgroup_destroy), awaitable(_xgroup_destroy)
    xgroup_createconsumer = blocking(_xgroup_createconsumer)
    axgroup_createconsumer = awaitable(_xgroup_createconsumer)
    xgroup_delconsumer = blocking(_xgroup_delconsumer)
    axgroup_delconsumer = awaitable(_xgroup_delconsumer)
    xack, axack = blocking(_xack), awaitable(_xack)
