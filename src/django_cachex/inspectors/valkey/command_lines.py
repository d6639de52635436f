"""Lines that read a key in a shell or in Python, quoted for keys of any bytes."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Final

from django_cachex.inspectors.valkey.address import DEFAULT_PORT, Address

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
