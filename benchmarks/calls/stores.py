"""One interface for backends, drivers and a bare socket.

Backends have it from Django. The wrappers of the others add as little as possible.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import hiredis

from benchmarks.calls.addresses import Address

# Its annotations are narrower than what it accepts.
pack: Callable[[tuple[Any, ...]], bytes] = hiredis.pack_command

TTL_MS = 300_000
"""Django's default timeout, in milliseconds."""


class Store(Protocol):
    """The methods of a Django cache that are measured."""

    def get(self, key: str, /) -> Any: ...
    def set(self, key: str, value: Any, /) -> Any: ...
    def incr(self, key: str, /) -> Any: ...
    def get_many(self, keys: Sequence[str], /) -> Any: ...
    def set_many(self, data: Mapping[str, Any], /) -> Any: ...
    def delete_many(self, keys: Sequence[str], /) -> Any: ...
    def close(self) -> None: ...


class RawClient:
    """A driver's client."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.get, self.incr, self.get_many = client.get, client.incr, client.mget
        self.set = partial(client.set, px=TTL_MS)
        self.close = client.close

    def set_many(self, data: Mapping[str, Any]) -> None:
        pipeline = self._client.pipeline(transaction=False)
        for key, value in data.items():
            pipeline.set(key, value, px=TTL_MS)
        pipeline.execute()

    def delete_many(self, keys: Sequence[str]) -> None:
        self._client.delete(*keys)


class PickleClient(RawClient):
    """A driver's client with pickle for reading."""

    def __init__(self, client: Any) -> None:
        super().__init__(client)
        self.get = self._unpickled

    def _unpickled(self, key: str) -> Any:
        return pickle.loads(self._client.get(key))


class BareSocket:
    """A socket and a parser, without any error handling or thread safety."""

    def __init__(self, address: Address, database: int) -> None:
        self._socket = address.connect()
        self._reader: Any = hiredis.Reader()
        self._buffer = bytearray(65_536)
        self.close = self._socket.close
        self._execute(pack(("SELECT", database)))

    def get(self, key: str) -> Any:
        return self._execute(pack(("GET", key)))

    def set(self, key: str, value: Any) -> Any:
        return self._execute(pack(("SET", key, value, "PX", TTL_MS)))

    def incr(self, key: str) -> Any:
        return self._execute(pack(("INCR", key)))

    def get_many(self, keys: Iterable[str]) -> Any:
        return self._execute(pack(("MGET", *keys)))

    def set_many(self, data: Mapping[str, Any]) -> Any:
        commands = [pack(("SET", key, value, "PX", TTL_MS)) for key, value in data.items()]
        return self._execute(b"".join(commands), len(commands))

    def delete_many(self, keys: Iterable[str]) -> Any:
        return self._execute(pack(("UNLINK", *keys)))

    def _execute(self, data: bytes, replies: int = 1) -> Any:
        """Send commands in one write; return the last reply."""
        self._socket.sendall(data)
        reader = self._reader
        reply: Any = None
        for _reply in range(replies):
            reply = reader.gets()
            while reply is False:
                length = self._socket.recv_into(self._buffer)
                if not length:
                    raise ConnectionResetError("the server closed the connection")
                reader.feed(self._buffer, 0, length)
                reply = reader.gets()
        return reply
