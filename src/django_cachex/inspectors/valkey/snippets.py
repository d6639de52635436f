"""Commands to copy: for the shell of the server, and for Python."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

DEFAULT_PORT = 6379


@dataclass(frozen=True)
class Address:
    """A database of a server. Spellings of the scheme and credentials make no difference."""

    scheme: str
    host: str
    """A host's name or, with the scheme `unix`, the path of a socket."""

    port: int
    database: int

    @classmethod
    def of(cls, url: str, options: Mapping[str, Any]) -> Address:
        """Read a URL as the drivers do: its query wins over its path, that over `options`.

        Raises ValueError for a URL that no driver takes, without quoting it.
        """
        try:
            parts = urlsplit(url)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            path, database = unquote(parts.path), options.get("db") or 0
            if parts.scheme == "unix":
                return cls(parts.scheme, path, 0, int(query.get("db", database)))
            host = unquote(parts.hostname or str(options.get("host") or "localhost"))
            port = parts.port or int(options.get("port") or DEFAULT_PORT)
            digits = path.replace("/", "")
            return cls(
                parts.scheme,
                host,
                port,
                int(query.get("db", digits if digits.isdecimal() else database)),
            )
        except ValueError:
            raise ValueError("The LOCATION is no URL of a server.") from None

    @property
    def store(self) -> tuple[str, str, int, int]:
        """What the addresses of one database have in common."""
        return ("valkey", self.host, self.port, self.database)

    def __str__(self) -> str:
        if self.scheme == "unix":
            return f"unix://{self.host}?db={self.database}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == DEFAULT_PORT else f":{self.port}"
        return f"{self.scheme}://{host}{port}/{self.database}"


READING: Final[dict[str, tuple[str, ...]]] = {
    "string": ("GET", "{key}"),
    "list": ("LRANGE", "{key}", "0", "99"),
    "set": ("SSCAN", "{key}", "0", "COUNT", "100"),
    "zset": ("ZRANGE", "{key}", "0", "99", "WITHSCORES"),
    "hash": ("HSCAN", "{key}", "0", "COUNT", "100"),
    "stream": ("XRANGE", "{key}", "-", "+", "COUNT", "100"),
}
"""What reads the beginning of each type: large keys do not stall the server."""

METHODS: Final = {
    "string": "get({key})",
    "list": "lrange({key}, 0, 99)",
    "set": "sscan({key}, count=100)",
    "zset": "zrange({key}, 0, 99, withscores=True)",
    "hash": "hscan({key}, count=100)",
    "stream": "xrange({key}, count=100)",
}


def words_of(type: str | None) -> Sequence[str]:
    return READING.get(type or "", ("DUMP", "{key}"))


def shell_line(address: Address | None, key: bytes, type: str | None, is_cluster: bool) -> str:
    """Return the line of valkey-cli; passwords are left to `VALKEYCLI_AUTH` or a prompt."""
    is_plain = key.isascii() and key.decode("latin1").isprintable() and key and b'"' not in key
    plain = is_plain and not key.startswith((b"'", b"-"))
    written = key.decode() if plain else quoted(key)
    options = ["valkey-cli", *server_options(address, is_cluster)]
    if not plain:
        options.append("--quoted-input")
    words = [written if word == "{key}" else word for word in words_of(type)]
    return shlex.join([*options, *words])


def server_options(address: Address | None, is_cluster: bool) -> list[str]:
    """Return where valkey-cli is to connect to."""
    if address is None:
        return []
    if address.scheme == "unix":
        return ["-s", address.host, *database(address)]
    port = [] if address.port == DEFAULT_PORT else ["-p", str(address.port)]
    tls = ["--tls"] if address.scheme in ("rediss", "valkeys") else []
    cluster = ["-c"] if is_cluster else []
    return ["-h", address.host, *port, *tls, *cluster, *database(address)]


def database(address: Address) -> list[str]:
    return ["-n", str(address.database)] if address.database else []


def quoted(key: bytes) -> str:
    """Return bytes between double quotes, as `--quoted-input` reads them."""
    return '"' + "".join(map(escaped, key)) + '"'


def escaped(byte: int) -> str:
    char = chr(byte)
    if char in '"\\':
        return f"\\{char}"
    return char if 32 <= byte < 127 else f"\\x{byte:02x}"


def python_line(alias: str, key: str, type: str | None) -> str | None:
    """Return the line that reads a key through its cache, or None where none does."""
    method = METHODS.get(type or "")
    if method is None:
        return None
    return f"caches[{alias!r}]." + method.replace("{key}", repr(key))
