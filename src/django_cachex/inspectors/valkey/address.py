"""Where an alias's server is, in the words that two aliases of one database have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
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
