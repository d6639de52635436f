"""Connections that speak memcached's text protocol, which Django's clients don't offer in full.

They list the items of a server, and read and change an item if it is still the same. See
https://docs.memcached.org/protocols/meta/
"""

from __future__ import annotations

import base64
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from django.utils.translation import gettext as _

DEFAULT_PORT: Final = 11211
MAX_KEY_LENGTH: Final = 250
MAX_RELATIVE_SECONDS: Final = 30 * 24 * 3600
"""The server takes larger numbers as seconds since the epoch."""

HEADER_SIZE, CAS_SIZE, FLAGS_SIZE, TERMINATORS_SIZE = 48, 8, 4, 3
"""The bytes of an item besides its key and its value."""

ALWAYS_ACCEPTED_SIZE: Final = 16 * 1024
"""The size in bytes of a value that every server accepts."""

MAX_VALUE_SIZE: Final = 64 * 1024 * 1024
"""The size in bytes of a value that is read at once."""

MAX_OVERHEAD: Final = 512
"""The maximum number of bytes of an item besides its value."""

NEVER: Final = -1
"""The TTL of an item that doesn't expire."""

MAX_BUSY_SECONDS: Final = 0.5
BUSY_PAUSE: Final = 0.02
"""The seconds between attempts to start a listing while the server is busy with another one."""

CHUNK_SIZE: Final = 64 * 1024
MAX_LINE_LENGTH: Final = 64 * 1024

PLAIN_KEY = re.compile(rb"[^\x00-\x20\x7f]{1,%d}" % MAX_KEY_LENGTH)
ITEM_COUNT = re.compile(r"items:([0-9]+):number")
ERROR_LINE = re.compile(rb"(?:ERROR|CLIENT_ERROR|SERVER_ERROR|BUSY)\b")


class MemcachedError(Exception):
    """The server refused a command. `str()` returns what it replied."""


class ListingRefused(MemcachedError):
    """The server doesn't list its items. `str()` returns a sentence for the user."""


@dataclass(frozen=True, slots=True)
class Item:
    """An item without its value, as `me` or `lru_crawler metadump` describe it."""

    key: bytes
    ttl: int
    """Seconds, or `NEVER`."""

    idle: int
    """Seconds since the last access."""

    size: int
    """Bytes, including the key and the header."""

    has_cas: bool

    @property
    def value_size(self) -> int:
        """The size of the value in bytes. That of a value without flags is 4 bytes larger."""
        overhead = HEADER_SIZE + (CAS_SIZE if self.has_cas else 0) + FLAGS_SIZE + TERMINATORS_SIZE
        return max(0, self.size - overhead - len(self.key))


@dataclass(frozen=True, slots=True)
class StoredValue:
    """The value of an item, and what is needed to replace it."""

    data: bytes
    flags: int
    ttl: int
    """Seconds, or `NEVER`."""

    cas: int


class MemcachedConnection(AbstractContextManager["MemcachedConnection"]):
    """A connection to one server.

    Args:
        server: a host with an optional port, or the path of a socket, as in LOCATION.
        seconds: the timeout of each read and write.
        tls_context: encrypts the connection.
    """

    def __init__(
        self, server: str, seconds: float, tls_context: ssl.SSLContext | None = None
    ) -> None:
        self.server = server
        self._socket = open_socket(server, seconds, tls_context)
        self._file = self._socket.makefile("rb", CHUNK_SIZE)

    def __exit__(self, *exc_info: object) -> None:
        self._file.close()
        self._socket.close()

    # Items.

    def describe(self, keys: Sequence[bytes]) -> list[Item | None]:
        """Return information about items without using them, or None for those that don't exist."""
        possible = [key for key in keys if can_exist(key)]
        self._send(b"".join(b"me %s\r\n" % format_key(key) for key in possible))
        items = {key: parse_debug_line(key, self._read_reply()) for key in possible}
        return [items.get(key) for key in keys]

    def get(self, key: bytes) -> StoredValue | None:
        """Return the value of an item, or None if it doesn't exist."""
        if not can_exist(key):
            return None
        self._send(b"mg %s s v f t c\r\n" % format_key(key))
        return self._read_value()

    def _read_value(self) -> StoredValue | None:
        """Read the reply to a request for a value."""
        words = self._read_reply().split()
        if words[0] != b"VA":
            return None
        size = int(words[1])
        if size > MAX_VALUE_SIZE:
            raise MemcachedError(_("The value is too large to be read."))
        data = self._read_exactly(size + 2)[:-2]
        flags = {word[:1]: int(word[1:]) for word in words[2:] if word[:1] in b"ftc"}
        return StoredValue(data, flags[b"f"], flags[b"t"], flags[b"c"])

    def get_each(self, keys: Sequence[bytes]) -> Iterator[tuple[bytes, StoredValue | None]]:
        """Yield items with their values, or None for those that don't exist, in one round trip.

        The items don't count as used, which would change the order in which they are listed.
        """
        possible = [key for key in keys if can_exist(key)]
        self._send(b"".join(b"mg %s s v f t c u\r\n" % format_key(key) for key in possible))
        for key in possible:
            yield key, self._read_value()

    def replace(self, key: bytes, data: bytes, flags: int, ttl: int, cas: int) -> bytes:
        """Replace the value of an item that still has this CAS value.

        Returns:
            ``HD`` if it was replaced, ``EX`` if it has changed, ``NF`` if it doesn't exist.
        """
        head = b"ms %s %d C%d F%d T%d\r\n"
        values = format_key(key), len(data), cas, flags, expiry_time(ttl)
        self._send(head % values + data + b"\r\n")
        return self._read_reply()[:2]

    def store(self, key: bytes, data: bytes, flags: int, ttl: int, mode: str) -> bytes:
        """Store an item, in the mode ``set`` or ``add``.

        Returns:
            ``HD`` if it was stored, ``NS`` if it was not.
        """
        head = b"ms %s %d F%d T%d M%s\r\n"
        values = format_key(key), len(data), flags, expiry_time(ttl), mode.encode()
        self._send(head % values + data + b"\r\n")
        return self._read_reply()[:2]

    def touch(self, key: bytes, ttl: int) -> bool:
        """Change the TTL of an item. Returns whether it exists."""
        self._send(b"mg %s T%d\r\n" % (format_key(key), expiry_time(ttl)))
        return self._read_reply().startswith(b"HD")

    def delete(self, keys: Sequence[bytes]) -> int:
        """Delete items. Returns how many of them existed."""
        possible = [key for key in keys if can_exist(key)]
        self._send(b"".join(b"md %s\r\n" % format_key(key) for key in possible))
        return sum(self._read_reply().startswith(b"HD") for _key in possible)

    def accepts_size(self, size: int) -> bool:
        """Return whether the server stores values of a size. A larger one deletes the item."""
        if size <= ALWAYS_ACCEPTED_SIZE:
            return True
        return size + MAX_OVERHEAD <= int(self.statistics("settings")["item_size_max"])

    # The server.

    def statistics(self, *names: str) -> dict[str, str]:
        """Return the reply to ``stats``, or to ``stats NAME``."""
        self._send(" ".join(["stats", *names]).encode() + b"\r\n")
        fields = {}
        while (line := self._read_reply()) != b"END":
            _stat, name, *value = line.decode("utf-8", "replace").split(" ", 2)
            fields[name] = value[0] if value else ""
        return fields

    def item_counts(self) -> dict[int, int]:
        """Return the number of items of each slab class that has any."""
        counts = {}
        for name, value in self.statistics("items").items():
            match = ITEM_COUNT.fullmatch(name)
            if match is not None:
                counts[int(match[1])] = int(value)
        return dict(sorted(counts.items()))

    def iter_dump(self, slab_class: int) -> Iterator[bytes]:
        """Yield a line for each item of a slab class, see `parse_dump_key` and `parse_dump_line`.

        The connection can only be closed afterwards.

        Raises:
            ListingRefused: the server doesn't allow it, or another client is listing items.
        """
        line = self._start_dump(slab_class)
        while line != b"END":
            if ERROR_LINE.match(line):
                raise refused_listing(line)
            yield line
            line = self._read_line()

    def _start_dump(self, slab_class: int) -> bytes:
        """Return the first line of a dump.

        The server takes a moment to notice that the last dump was closed before its end.
        """
        deadline = time.monotonic() + MAX_BUSY_SECONDS
        while True:
            self._send(b"lru_crawler metadump %d\r\n" % slab_class)
            line = self._read_line()
            if not line.startswith(b"BUSY") or time.monotonic() > deadline:
                return line
            time.sleep(BUSY_PAUSE)

    # Bytes.

    def _send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def _read_reply(self) -> bytes:
        line = self._read_line()
        if ERROR_LINE.match(line):
            raise MemcachedError(line.decode("utf-8", "replace"))
        return line

    def _read_line(self) -> bytes:
        line: bytes = self._file.readline(MAX_LINE_LENGTH)
        if line.endswith(b"\n"):
            return line.rstrip(b"\r\n")
        if len(line) == MAX_LINE_LENGTH:
            raise MemcachedError(_("The server's reply isn't one of memcached."))
        raise ConnectionError(_("The server closed the connection."))

    def _read_exactly(self, size: int) -> bytes:
        data: bytes = self._file.read(size)
        if len(data) < size:
            raise ConnectionError(_("The server closed the connection."))
        return data


def open_socket(
    server: str, seconds: float, tls_context: ssl.SSLContext | None = None
) -> socket.socket:
    path = server.removeprefix("unix:")
    if path.startswith("/"):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(seconds)
        connection.connect(path)
        return connection
    host, port = parse_address(server)
    connection = socket.create_connection((host, port), seconds)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return tls_context.wrap_socket(connection, server_hostname=host) if tls_context else connection


def parse_address(server: str) -> tuple[str, int]:
    """Return the host and port of a server in LOCATION."""
    host, _colon, port = server.rpartition(":")
    if not host or not port.isdecimal():
        return server.strip("[]"), DEFAULT_PORT
    return host.strip("[]"), int(port)


def can_exist(key: bytes) -> bool:
    """Return whether a key has a length that the server accepts."""
    return 0 < len(key) <= MAX_KEY_LENGTH


def format_key(key: bytes) -> bytes:
    """Return a key with the flag that marks it as base64, if it can't be sent as it is."""
    return key if PLAIN_KEY.fullmatch(key) else base64.b64encode(key) + b" b"


def expiry_time(ttl: int) -> int:
    """Return a TTL in seconds as the server expects it."""
    if ttl == NEVER:
        return 0
    return ttl if ttl <= MAX_RELATIVE_SECONDS else int(time.time()) + ttl


def parse_fields(words: Sequence[bytes]) -> dict[bytes, bytes]:
    pairs = (word.partition(b"=") for word in words)
    return {name: value for name, _equals, value in pairs}


def parse_debug_line(key: bytes, line: bytes) -> Item | None:
    """Return the item that a reply to `me` describes, or None."""
    words = line.split()
    if words[:1] != [b"ME"]:
        return None
    fields = parse_fields(words[2:])
    exp = int(fields[b"exp"])
    ttl = NEVER if exp == -1 else abs(exp)
    return Item(
        key, ttl, int(fields[b"la"]), int(fields[b"size"]), fields.get(b"cas", b"0") != b"0"
    )


def parse_dump_key(line: bytes) -> bytes:
    """Return the key of the item that a line of `metadump` describes."""
    word, _space, _rest = line.partition(b" ")
    if not word.startswith(b"key="):
        raise MemcachedError(_("The server's reply isn't one of memcached."))
    return unquote_to_bytes(word[4:])


def parse_dump_line(line: bytes, now: float) -> Item | None:
    """Return the item that a line of `metadump` describes, or None if it has expired."""
    fields: Mapping[bytes, Any] = parse_fields(line.split())
    try:
        exp, accessed = int(fields[b"exp"]), int(fields[b"la"])
        size, key = int(fields[b"size"]), unquote_to_bytes(fields[b"key"])
    except (KeyError, ValueError):
        raise MemcachedError(_("The server's reply isn't one of memcached.")) from None
    ttl = NEVER if exp == -1 else exp - int(now)
    if ttl != NEVER and ttl <= 0:
        return None
    has_cas = fields.get(b"cas", b"0") != b"0"
    return Item(key, ttl, max(0, int(now) - accessed), size, has_cas)


def refused_listing(line: bytes) -> ListingRefused:
    if line.startswith(b"BUSY"):
        return ListingRefused(_("Another program is listing the server's keys. Try again."))
    reply = line.decode("utf-8", "replace")
    return ListingRefused(
        _("The server doesn't list its keys (%(reply)s). Open a key by its exact name.")
        % {"reply": reply}
    )
