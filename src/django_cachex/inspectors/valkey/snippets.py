"""Snippets to copy that read a key: for valkey-cli and for Python."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from django_cachex.cache.options import TLS_SCHEMES

DEFAULT_SERVER_PORT = 6379


@dataclass(frozen=True)
class DatabaseAddress:
    """The address of a database, without credentials."""

    scheme: str
    host: str
    """A host name, or the path of a socket for the scheme `unix`."""

    port: int
    database: int

    @classmethod
    def of(cls, url: str, options: Mapping[str, Any]) -> DatabaseAddress:
        """Parse a URL as the drivers do: its query overrides its path, which overrides `options`.

        Raises:
            ValueError: the URL is invalid; the message does not contain it.
        """
        try:
            parts = urlsplit(url)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            path, database = unquote(parts.path), options.get("db") or 0
            if parts.scheme == "unix":
                return cls(parts.scheme, path, 0, int(query.get("db", database)))
            host = unquote(parts.hostname or str(options.get("host") or "localhost"))
            port = parts.port or int(options.get("port") or DEFAULT_SERVER_PORT)
            digits = path.replace("/", "")
            database = query.get("db", digits if digits.isdecimal() else database)
            return cls(parts.scheme, host, port, int(database))
        except ValueError:
            raise ValueError("LOCATION is not a valid server URL.") from None

    @property
    def store(self) -> tuple[str, str, int, int]:
        """The identity of the database, the same for all its URLs."""
        return ("valkey", self.host, self.port, self.database)

    def __str__(self) -> str:
        if self.scheme == "unix":
            return f"unix://{self.host}?db={self.database}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == DEFAULT_SERVER_PORT else f":{self.port}"
        return f"{self.scheme}://{host}{port}/{self.database}"


READ_COMMANDS: Final[dict[str, tuple[str, ...]]] = {
    "string": ("GET", "{key}"),
    "list": ("LRANGE", "{key}", "0", "99"),
    "set": ("SSCAN", "{key}", "0", "COUNT", "100"),
    "zset": ("ZRANGE", "{key}", "0", "99", "WITHSCORES"),
    "hash": ("HSCAN", "{key}", "0", "COUNT", "100"),
    "stream": ("XRANGE", "{key}", "-", "+", "COUNT", "100"),
}
"""Commands that read only the first elements, so that large keys do not block the server."""

CACHE_METHODS: Final = {
    "string": "get({key})",
    "list": "lrange({key}, 0, 99)",
    "set": "sscan({key}, count=100)",
    "zset": "zrange({key}, 0, 99, withscores=True)",
    "hash": "hscan({key}, count=100)",
    "stream": "xrange({key}, count=100)",
}


def cli_snippet(
    address: DatabaseAddress | None, key: bytes, type: str | None, is_cluster: bool
) -> str:
    """Return a valkey-cli command; it takes the password from `VALKEYCLI_AUTH` or a prompt."""
    is_plain = key.isascii() and key.decode("latin1").isprintable() and key and b'"' not in key
    plain = is_plain and not key.startswith((b"'", b"-"))
    written = key.decode() if plain else quote_key(key)
    options = ["valkey-cli", *cli_options(address, is_cluster)]
    if not plain:
        options.append("--quoted-input")
    words = READ_COMMANDS.get(type or "", ("DUMP", "{key}"))
    return shlex.join([*options, *(written if word == "{key}" else word for word in words)])


def cli_options(address: DatabaseAddress | None, is_cluster: bool) -> list[str]:
    """Return the options that tell valkey-cli where to connect."""
    if address is None:
        return []
    database = ["-n", str(address.database)] if address.database else []
    if address.scheme == "unix":
        return ["-s", address.host, *database]
    port = [] if address.port == DEFAULT_SERVER_PORT else ["-p", str(address.port)]
    tls = ["--tls"] if address.scheme in TLS_SCHEMES else []
    cluster = ["-c"] if is_cluster else []
    return ["-h", address.host, *port, *tls, *cluster, *database]


def quote_key(key: bytes) -> str:
    """Quote a key as `--quoted-input` expects it."""
    return '"' + "".join(map(escape_byte, key)) + '"'


def escape_byte(byte: int) -> str:
    char = chr(byte)
    if char in '"\\':
        return f"\\{char}"
    return char if 32 <= byte < 127 else f"\\x{byte:02x}"


def python_snippet(alias: str, key: str, type: str | None) -> str | None:
    """Return Python code that reads a key through its cache, or None for an unknown type."""
    method = CACHE_METHODS.get(type or "")
    if method is None:
        return None
    return f"caches[{alias!r}]." + method.replace("{key}", repr(key))
