"""What is done with a key as a whole, whatever it holds: moved, had, quoted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django_cachex.cache.client import Client
from django_cachex.cache.cluster.keys import slot_of
from django_cachex.inspectors.base import Inspector
from django_cachex.inspectors.content import Codec
from django_cachex.inspectors.copying import copy_value
from django_cachex.inspectors.edits import Copy, Outcome, Rename
from django_cachex.inspectors.entries import CommandLine, Group
from django_cachex.inspectors.naming import text_of
from django_cachex.inspectors.valkey import raw
from django_cachex.inspectors.valkey.address import Address
from django_cachex.inspectors.valkey.changes import elsewhere
from django_cachex.inspectors.valkey.changes.guarded import applied
from django_cachex.inspectors.valkey.command_lines import shell_line
from django_cachex.inspectors.valkey.groups import groups


class WholeKeys(Inspector):
    """Keys of a server, each as a whole."""

    can_rename = True
    can_copy = True
    can_download = True
    can_dump = True

    @property
    def client(self) -> Client:
        """The primary, under the admin's timeouts."""
        raise NotImplementedError

    @property
    def serializer(self) -> Any:
        """The object that makes the application's bytes of its values."""
        raise NotImplementedError

    @property
    def codec(self) -> Codec:
        """How the application reads and writes the values."""
        raise NotImplementedError

    @property
    def address(self) -> Address:
        """The primary's database; ValueError where its URL is none."""
        raise NotImplementedError

    @property
    def is_cluster(self) -> bool:
        return False

    # Moved.

    def rename(self, stored: bytes, edit: Rename) -> Outcome:
        if not self.shares_slot(stored, edit.to):
            return elsewhere.rename_across(self.client, stored, edit)
        return self.client.run(applied([stored, edit.to], lambda: elsewhere.renamed(stored, edit)))

    def copy(self, stored: bytes, edit: Copy) -> Outcome:
        other = edit.into or self
        if not isinstance(other, WholeKeys) or not self.stores_like(other):
            return copy_value(self, stored, edit)
        if other.store != self.store or not self.shares_slot(stored, edit.to):
            return elsewhere.copy_across(self.client, stored, other.client, edit)
        return self.client.run(applied([stored, edit.to], lambda: elsewhere.copied(stored, edit)))

    def shares_slot(self, key: bytes, other: bytes) -> bool:
        """Return whether one command can be about both keys."""
        return not self.is_cluster or slot_of(key) == slot_of(other)

    def stores_like(self, other: WholeKeys) -> bool:
        """Return whether another alias reads what this one stores."""
        return other.codec.takes(self.codec)

    def copies_into(self, other: Inspector) -> bool:
        return other.can_add

    # Had.

    def chunks(self, stored: bytes) -> Iterator[bytes]:
        return raw.chunks(self.client, stored)

    def dump(self, stored: bytes) -> bytes | None:
        return raw.dump(self.client, stored)

    def groups(self, stored: bytes) -> Sequence[Group]:
        return groups(self.client, stored)

    # Quoted.

    def command_lines(self, stored: bytes, type: str | None) -> Sequence[CommandLine]:
        try:
            address = self.address
        except ValueError:
            address = None
        shell = shell_line(address, stored, type, self.is_cluster)
        python = self.python_line(stored, type)
        lines = [CommandLine("valkey-cli", shell)]
        return [*lines, CommandLine("Python", python)] if python else lines

    def python_line(self, stored: bytes, type: str | None) -> str | None:
        """Return the line of Python that reads a key, where the cache has one."""
        raise NotImplementedError

    def key_of(self, stored: bytes) -> str | None:
        """Return the key of which the cache makes a stored key, or None where none is known."""
        prefix = self.naming.prefix
        if prefix is None or not stored.startswith(prefix):
            return None
        key = text_of(stored.removeprefix(prefix))
        return key if key is not None and self.locate(key) == stored else None
