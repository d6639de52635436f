"""Caches of every kind that hold what nobody expects, and a look at all that their stores hold."""

from __future__ import annotations

import os
import pickle
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from hashlib import md5, sha256
from pathlib import Path
from typing import Any, Final

import valkey
from django.core.cache import caches
from django.core.cache.backends import locmem
from django.db import connection
from django.http import HttpResponse

from tests import servers
from tests.admin.conftest import (
    DATABASE,
    DJANGO_REDIS,
    DUMMY,
    FILES,
    LOCMEM,
    REDIS,
    REFUSING_PORT,
    STRANGER,
    VALKEY,
)
from tests.admin.fuzzing.texts import MARKUP
from tests.admin.strangers import ShelfCache
from tests.admin.test_session_oracle import MEMCACHED, RAW

PASSWORD: Final = "pw-that-the-settings-hold"
SESSION_NAME: Final = "django.contrib.sessions.cache"
SESSIONS: Final = ("zq7xk3m9vw2j8hb5t4n6c1f0rdygpsla", "0a1s2d3f4g5h6j7k8l9z0x1c2v3b4n5m")
BASKET: Final = "basket-of-somebody"

CELLAR: Final = "cellar"
VAULT: Final = ("vaultedname", "vaultedvalue")
"""What the keys of hidden caches are called, and what they hold."""

CLOSED: Final = (b"hid:", b"ro:")
"""What the stored keys begin with that policies close to changes."""

ODD_ALIAS: Final = "odd: alias/ü"
LOCATION: Final = "fuzz"
FULL: Final = {"OPTIONS": {"MAX_ENTRIES": 100_000}, "TIMEOUT": 86_400}

READ: Final = {b"hash": "HGETALL", b"set": "SMEMBERS"}
"""By type; what has no order is dumped as it happens to lie."""

PAGE: Final = (
    f"views.decorators.cache.cache_page.%s.GET.{md5(b'http://testserver/x/').hexdigest()}"
    f".{md5(b'').hexdigest()}.en-us.UTC"
)
"""The name of the page /x/ in a cache, with a place for a `key_prefix`."""

SCORES: Final = (1, 1, "inf", "-inf", 1e300, -0.0, 5e-324)

Store = dict[bytes, tuple[bytes, float | None]]
"""What each stored key holds, as a digest, and when it expires, in seconds since the epoch."""


class Canary:
    """Whose pickle runs a command wherever it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


class World:
    """All caches of a campaign: made once, filled anew before each batch."""

    def __init__(
        self,
        valkey_server: servers.Server,
        redis_server: servers.Server,
        memcached: servers.Server,
        table: str,
        folder: Path,
    ) -> None:
        self.servers = (valkey_server, redis_server)
        self.memcached, self.table = memcached, table
        self.files, self.canary = folder / "files", folder / "canary"
        self.raw = valkey.Valkey(port=valkey_server.port)
        self.clients = [
            valkey.Valkey(port=server.port, db=db) for server in self.servers for db in (0, 1)
        ]
        self.raw.execute_command(
            "ACL", "SETUSER", "fuzz", "on", f">{PASSWORD}", "~*", "&*", "+@all"
        )
        self.live: set[bytes] = set()
        """The stored keys of the sessions of those who ask."""

    def close(self) -> None:
        self.raw.acl_deluser("fuzz")
        for client in (self.raw, *self.clients):
            client.close()

    def caches(self) -> dict[str, dict[str, Any]]:
        """Return what `settings.CACHES` has to be."""
        one, other = (server.address for server in self.servers)
        main = {"BACKEND": VALKEY, "LOCATION": f"valkey://fuzz:{PASSWORD}@{one}/0", **FULL}
        table = {"BACKEND": DATABASE, "LOCATION": self.table, **FULL}
        local = {"BACKEND": LOCMEM, "LOCATION": LOCATION, **FULL}
        return {
            "default": local,
            "raw_local": {**local, "KEY_FUNCTION": RAW},
            "frozen_local": {**local, "KEY_PREFIX": "ro"},
            "valkey": {**main, "KEY_PREFIX": "p"},
            CELLAR: {**main, "KEY_PREFIX": "hid"},
            "frozen": {**main, "KEY_PREFIX": "ro"},
            "sessions": {**main, "KEY_PREFIX": "s"},
            "raw": {**main, "KEY_FUNCTION": RAW},
            "redis": {"BACKEND": REDIS, "LOCATION": f"redis://{other}/0", **FULL},
            "django": {"BACKEND": DJANGO_REDIS, "LOCATION": f"redis://{other}/1", "TIMEOUT": 9000},
            "table": table,
            "raw_table": {**table, "KEY_FUNCTION": RAW},
            f"{CELLAR}2": {**table, "KEY_PREFIX": "hid"},
            "files": {"BACKEND": FILES, "LOCATION": str(self.files), **FULL},
            "memcached": {"BACKEND": MEMCACHED, "LOCATION": self.memcached.address},
            "stranger": {"BACKEND": STRANGER, "LOCATION": LOCATION},
            ODD_ALIAS: {"BACKEND": DUMMY},
            "broken": {"BACKEND": "tests.admin.strangers.NoSuchCache", "password": PASSWORD},
            "refusing": {
                "BACKEND": VALKEY,
                "LOCATION": f"valkey://u:{PASSWORD}@127.0.0.1:{REFUSING_PORT}/0",
            },
        }

    def policies(self) -> dict[str, str]:
        hidden = dict.fromkeys((CELLAR, f"{CELLAR}2"), "hidden")
        return {**hidden, **dict.fromkeys(("frozen", "frozen_local"), "read-only")}

    # Filling.

    def fill(self) -> None:
        """Empty every store, and fill it with the same again."""
        self.live.clear()
        self.keys: dict[str, list[bytes]] = {alias: [] for alias in self.caches()}
        for client in self.clients:
            client.flushdb()
        locmem._caches.get(LOCATION, {}).clear()
        locmem._expire_info.get(LOCATION, {}).clear()
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {self.table}")
        shutil.rmtree(self.files, ignore_errors=True)
        caches["memcached"].clear()
        ShelfCache.shelves.setdefault(LOCATION, {}).clear()
        for alias, client in (("valkey", 0), ("frozen", 0), ("redis", 2), ("django", 3)):
            self._fill_server(alias, self.clients[client], 15 if alias == "frozen" else 45)
        for alias in ("default", "frozen_local", "table", "files", "memcached", "stranger"):
            self._fill_cache(alias)
        for alias in (CELLAR, f"{CELLAR}2"):
            self._set(alias, VAULT[0], {"to": VAULT[1]})
            self._set(alias, PAGE % VAULT[0], HttpResponse(VAULT[1]))
        for id in SESSIONS:
            self._set("sessions", f"{SESSION_NAME}{id}", {"secret": BASKET})
        for alias, neighbours in (
            ("raw", ("valkey", CELLAR, "frozen", "sessions")),
            ("raw_table", ("table", f"{CELLAR}2")),
            ("raw_local", ("default", "frozen_local")),
        ):
            self.keys[alias] = [key for one in neighbours for key in self.keys[one]]

    def _set(self, alias: str, name: str, value: Any) -> None:
        caches[alias].set(name, value)
        self.keys[alias].append(self.stored(alias, name))

    def _fill_server(self, alias: str, client: valkey.Valkey, namespaced: int) -> None:
        before = self.stored(alias, "")
        texts = [MARKUP[0].encode(), MARKUP[1].encode(), bytes(range(256)), b"9" * 5000, b""]
        texts += [b"text", self.boom(), pickle.dumps(10**5000), b"\x80\x04garbage", b"1.5"]
        names = [*texts[:3], b"big" * 6000, b"", b"*", b"a\r\nb\x1b[2J", b"\xff\xfe", b"a/b?c#d%&"]
        strings: dict[bytes, Any] = {
            **{b"text%d" % number: text for number, text in enumerate(texts)},
            **dict.fromkeys(names, b"named"),
            **{b"a:b%d:c" % number: b"x" for number in range(namespaced)},
            b"\xe2\x80\xaegnp": b'{"a": [1, null]}',
            b"number": b"41",
            b"long": b"line of text\n" * 6000,
            b"plain": pickle.dumps({"a": [1, "two", None], "items": MARKUP[0]}),
            b"typed": pickle.dumps([(1,), datetime(2026, 1, 1), Decimal(1), {2}, b"\x00"]),
            b"lock:job": b"token",
            (PAGE % "").encode(): pickle.dumps(HttpResponse(MARKUP[0], headers={"X": MARKUP[1]})),
            (PAGE % MARKUP[1]).encode(): self.boom(),
        }
        with client.pipeline(transaction=False) as pipe:
            for name, value in strings.items():
                pipe.set(before + name, value, ex=86_400 if name[:1] == b"t" else None)
            pipe.rpush(before + b"list", *texts, *range(120))
            pipe.sadd(before + b"set", *texts)
            pipe.zadd(
                before + b"zset", dict(zip(texts, (1, 1, "inf", "-inf", 1e300), strict=False))
            )
            pipe.hset(before + b"hash", mapping=dict(zip(texts, reversed(texts), strict=True)))
            pipe.xadd(before + b"stream", {b"f": MARKUP[0], b"\xff": self.boom()}, id="1-1")
            pipe.xgroup_create(before + b"stream", MARKUP[1], "0")
            pipe.pfadd(before + b"log", *texts)
            pipe.execute()
        collections = (b"list", b"set", b"zset", b"hash", b"stream", b"log")
        self.keys[alias] += [before + name for name in (*strings, *collections)]

    def _fill_cache(self, alias: str) -> None:
        values: dict[str, Any] = {
            "plain": {"a": [1, "two", None], "items": MARKUP[0]},
            "text": MARKUP[1],
            "number": 41,
            "typed": [(1,), datetime(2026, 1, 1), Decimal(1), {2}, b"\x00\xff"],
            "bytes": bytes(range(256)),
            "a:b:c": "x",
            "café": "long " * 20_000,
            MARKUP[0]: 1,
            "'onmouseover='alert(1)": 1.5,
            PAGE % "": HttpResponse(MARKUP[0]),
        }
        if alias not in ("memcached", "stranger"):  # Those say that reading runs what is stored.
            values |= {"boom": Canary(self.canary), "huge": 10**5000}
        for name, value in values.items():
            self._set(alias, name, value)

    @staticmethod
    def stored(alias: str, name: str) -> bytes:
        return str(caches[alias].make_key(name)).encode()

    def boom(self) -> bytes:
        return pickle.dumps(Canary(self.canary))

    # Looking.

    def stores(self) -> dict[str, Store]:
        """Return all that is stored, but for the sessions of those who ask."""
        found = {f"server {number}": self._server(one) for number, one in enumerate(self.clients)}
        found["local"] = {
            key.encode(): (digest(value), locmem._expire_info[LOCATION].get(key))
            for key, value in dict(locmem._caches.get(LOCATION, {})).items()
        }
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT cache_key, value, expires FROM {self.table}")
            rows = cursor.fetchall()
        found["table"] = {
            key.encode(): (digest(f"{value} {expires}".encode()), None)
            for key, value, expires in rows
        }
        found["files"] = {
            path.name.encode(): (digest(path.read_bytes()), None)
            for path in self.files.glob("*.djcache")
        }
        found["shelf"] = {
            key.encode(): (digest(repr(value).encode()), expiry)
            for key, (value, expiry) in ShelfCache.shelves[LOCATION].items()
        }
        found["memcached"] = self._memcached()
        return found

    def _server(self, client: valkey.Valkey) -> Store:
        keys = [key for key in client.scan_iter(count=10_000) if key not in self.live]
        with client.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.type(key)
            types = pipe.execute()
            for key, type in zip(keys, types, strict=True):
                pipe.execute_command(READ.get(type, "DUMP"), key)
                pipe.execute_command("PEXPIRETIME", key)
            replies = iter(pipe.execute())
        held: Iterator[tuple[Any, int]] = zip(replies, replies, strict=True)
        return {
            key: (digest(value), ttl / 1000 if ttl > 0 else None)
            for key, (value, ttl) in zip(keys, held, strict=True)
            if value
        }

    def _memcached(self) -> Store:
        from pymemcache.client.base import Client

        keys = dict.fromkeys(self.keys["memcached"])
        place = (self.memcached.host, self.memcached.port)
        with closing(Client(place, allow_unicode_keys=True)) as client:
            values = client.get_many([key.decode() for key in keys])
        return {key.encode(): (digest(value), None) for key, value in values.items()}


def digest(value: Any) -> bytes:
    """Return a digest of bytes, or of what has no order."""
    if isinstance(value, dict | set | list):
        value = repr(sorted(value.items() if isinstance(value, dict) else value)).encode()
    return sha256(value).digest()


def changes(before: dict[str, Store], after: dict[str, Store]) -> list[tuple[str, bytes]]:
    """Return the stored keys that were added, changed or removed, but for those that expired."""
    now = time.time() + 1
    found = []
    for store, entries in before.items():
        for key in entries.keys() | after[store].keys():
            was, is_now = entries.get(key), after[store].get(key)
            expired = was is not None and was[1] is not None and was[1] < now and is_now is None
            if was != is_now and not expired:
                found.append((store, key))
    return sorted(found)


def closed(changed: Sequence[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Return those of some stored keys that policies close to changes."""
    return [(store, key) for store, key in changed if key.startswith(CLOSED)]
