"""What is called: one interface for backends, drivers and a bare socket.

A backend has it from Django. What wraps the others adds as little as can be.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import hiredis

from benchmarks.calls.addresses import Address

# Its types are narrower than what it takes.
pack: Callable[[tuple[Any, ...]], bytes] = hiredis.pack_command

LIFETIME = 300_000
"""Milliseconds, as Django's caches have it unless they are told otherwise."""


class Store(Protocol):
    """The methods of a Django cache that are measured."""

    def get(self, key: str, /) -> Any: ...
    def set(self, key: str, value: Any, /) -> Any: ...
    def incr(self, key: str, /) -> Any: ...
    def get_many(self, keys: Sequence[str], /) -> Any: ...
    def set_many(self, data: Mapping[str, Any], /) -> Any: ...
    def delete_many(self, keys: Sequence[str], /) -> Any: ...
    def close(self) -> None: ...


class Raw:
    """A driver's client."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.get, self.incr, self.get_many = client.get, client.incr, client.mget
        self.set = partial(client.set, px=LIFETIME)
        self.close = client.close

    def set_many(self, data: Mapping[str, Any]) -> None:
        pipeline = self._client.pipeline(transaction=False)
        for key, value in data.items():
            pipeline.set(key, value, px=LIFETIME)
        pipeline.execute()

    def delete_many(self, keys: Sequence[str]) -> None:
        self._client.delete(*keys)


class RawAndPickle(Raw):
    """A driver's client whose values are unpickled as they come."""

    def __init__(self, client: Any) -> None:
        super().__init__(client)
        self.get = self._unpickled

    def _unpickled(self, key: str) -> Any:
        return pickle.loads(self._client.get(key))


class Bare:
    """A socket and a parser, and nothing that minds faults or threads."""

    def __init__(self, address: Address, database: int) -> None:
        self._socket = address.connect()
        self._reader: Any = hiredis.Reader()
        self._buffer = bytearray(65_536)
        self.close = self._socket.close
        self._ask(pack(("SELECT", database)))

    def get(self, key: str) -> Any:
        return self._ask(pack(("GET", key)))

    def set(self, key: str, value: Any) -> Any:
        return self._ask(pack(("SET", key, value, "PX", LIFETIME)))

    def incr(self, key: str) -> Any:
        return self._ask(pack(("INCR", key)))

    def get_many(self, keys: Iterable[str]) -> Any:
        return self._ask(pack(("MGET", *keys)))

    def set_many(self, data: Mapping[str, Any]) -> Any:
        commands = [pack(("SET", key, value, "PX", LIFETIME)) for key, value in data.items()]
        return self._ask(b"".join(commands), len(commands))

    def delete_many(self, keys: Iterable[str]) -> Any:
        return self._ask(pack(("UNLINK", *keys)))

    def _ask(self, data: bytes, replies: int = 1) -> Any:
        """Send commands in one write; return the last reply."""
        self._socket.sendall(data)
        reader = self._reader
        reply: Any = None
        for _reply in range(replies):
            reply = reader.gets()
            while reply is False:
                length = self._socket.recv_into(self._buffer)
                if not length:
                    raise ConnectionResetError("the server closed it")
                reader.feed(self._buffer, 0, length)
                reply = reader.gets()
        return reply
