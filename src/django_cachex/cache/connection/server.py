"""Servers, and the connections to them that all caches of a process share."""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, TypeVar

from django.core.signals import setting_changed
from django.dispatch import receiver

from django_cachex.cache import tracing
from django_cachex.cache.configuration import Configuration, configure, frozen
from django_cachex.cache.connection.circuit_breaker import Breaker, NeverBreaks
from django_cachex.cache.connection.errors import broken, changed_nothing, refused, translated
from django_cachex.cache.connection.event_loops import Loops
from django_cachex.cache.connection.forks import greetings
from django_cachex.cache.connection.protocol import ServerCodec, checked, codec_for, packed
from django_cachex.cache.connection.sync import BoundedLine, Line, Lines, within
from django_cachex.commands.args import block_timeout
from django_cachex.commands.command import (
    Command,
    Operation,
    feed_replies,
    is_stateful,
    single,
    throw,
)
from django_cachex.exceptions import CachexError, ReadOnlyError, ServerTimeout, ServerUnavailable

T = TypeVar("T")
S = TypeVar("S", bound="Server")

# After a failover the same name leads to another server: then connect anew.
MOVED = ReadOnlyError, ServerUnavailable


class Server:
    """One configured server. `Server.of` returns the same one for the same configuration."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self._driver = configuration.driver
        self._codec = ServerCodec(codec_for(self._driver.name))
        self.after_fork()

    @classmethod
    def of(
        cls,
        driver: str,
        url: str,
        options: Mapping[str, Any] | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> Server:
        """Return the server at `url`, reached through `driver` ("valkey" or "redis").

        `options` are the driver's, as in OPTIONS; `overrides` win over them and over the URL.
        Nothing is connected yet. Raise ImproperlyConfigured for what cannot work.
        """
        name = driver, url, frozen(options or {}), frozen(overrides or {})
        return shared(name, lambda: cls(configure(driver, url, options or {}, overrides or {})))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._driver.name} {self.address}>"

    @property
    def address(self) -> str:
        """Which database this is, as ``host:port/db`` or ``path?db=…``; never a credential."""
        return self.configuration.address

    def run(self, command: Command[T] | Operation[T]) -> T:
        """Send a command, or all steps of an operation over one connection; return the result.

        Raise `CommandError` for what the server refuses, `ServerUnavailable`, `ServerTimeout`.
        """
        if type(command) is Command:
            return command.parse(self._ask(command))
        return self._converse(single(command) if isinstance(command, Command) else command)

    async def arun(self, command: Command[T] | Operation[T]) -> T:
        """Do what `run` does, on the running event loop."""
        return await self._loops.here().run(command)

    def close_unused(self) -> None:
        """Close the connections that nobody uses at the moment."""
        self._lines.drop_free()
        self._loops.close_unused()

    def _ask(self, command: Command[Any]) -> Any:
        """Return the raw reply to `command`; send it again where that is harmless and of use."""
        if tracing.wrappers:
            with tracing.around((command,), self.address):
                return self._ask_once_or_twice(command)
        return self._ask_once_or_twice(command)

    def _ask_once_or_twice(self, command: Command[Any]) -> Any:
        data = self._codec.pack(checked(command.args))
        lines, breaker = self._lines, self.breaker
        if breaker.until:
            self._attempt()
        repeated = False
        while True:
            line = lines.lease() if command.idempotent else self._open_line()
            try:
                reply = line.ask(data)
            except BaseException as error:
                lines.drop(line)
                self._give_up_unless(command.idempotent, line, error)
                continue
            if breaker.failures:
                breaker.reset()
            if isinstance(reply, CachexError):
                if isinstance(reply, ReadOnlyError) and not repeated:
                    repeated = not line.reused
                    self._leave(line)
                    continue
                (lines.drop if isinstance(reply, MOVED) else lines.give_back)(line)
                if self._codec.learns(command, reply):
                    return self._ask_once_or_twice(command)
                raise reply
            lines.give_back(line)
            return reply

    def _attempt(self) -> None:
        """Go on if it is time for an attempt, which is made on a new connection."""
        self.breaker.check(self.address)
        self._lines.drop_free()

    def _give_up_unless(self, idempotent: bool, line: Line, error: BaseException) -> None:
        """Raise our error, unless sending again, on a new connection, is harmless and may help."""
        if not isinstance(error, OSError):
            self.breaker.lapsed()
            raise error
        failure = self._broken(line, error)
        if not (idempotent and line.reused) or isinstance(failure, ServerTimeout):
            raise failure from error
        self._lines.drop_free()

    def _broken(self, line: Line, error: OSError) -> ServerUnavailable:
        """Return our error for what went wrong on `line`, and draw the consequences."""
        failure = broken(error, self.address)
        if isinstance(failure, ServerTimeout):
            self.breaker.failed(failure, line.reused)
            self._suspect(line.timeout)
        else:
            self.breaker.lapsed()
        return failure

    def _suspect(self, seconds: float) -> None:
        """Use no connection any more on which nothing was heard for so long: one was silent."""
        self._lines.drop_free(time.monotonic() - seconds)
        self._loops.leave(seconds)

    def _leave(self, line: Line) -> None:
        """Connect anew from now on: after a failover the same name leads to another server."""
        self._lines.drop(line)
        self._lines.drop_free()

    def _converse(self, operation: Operation[T]) -> T:
        line, clean, unchanged = None, False, True
        try:
            commands = next(operation)
            if self.breaker.until:
                self._attempt()
            line = self._open_line()
            while True:
                clean = False
                replies = self._exchange(line, commands)
                if unchanged and refused(commands, replies):
                    unchanged = line.reused
                    self._leave(line)
                    line = self._open_line()
                    continue
                unchanged = unchanged and changed_nothing(replies)
                clean = not is_stateful(commands)
                commands = feed_replies(operation, commands, replies)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # T
        except MOVED as error:
            clean = False
            return throw(operation, error)
        finally:
            if line is not None:
                (self._lines.give_back if clean else self._lines.drop)(line)

    def _exchange(self, line: Line, commands: Sequence[Command[Any]]) -> list[Any]:
        """Return the raw replies to `commands`, which go out in one write."""
        data = packed(commands, self._codec.pack)
        with tracing.around(commands, self.address) if tracing.wrappers else nullcontext():
            try:
                replies = line.ask_all(data, len(commands), block_timeout(commands))
                for number in self._codec.refused(commands, replies):
                    replies[number] = line.ask(packed([commands[number]], self._codec.pack))
            except BaseException as error:
                if not isinstance(error, OSError):
                    self.breaker.lapsed()
                    raise
                raise self._broken(line, error) from error
        if self.breaker.failures:
            self.breaker.reset()
        return replies

    def _open_line(self) -> Line:
        """Lease a connection whose other end is there, for what must not be sent twice."""
        while (line := self._lines.lease()).reused and not line.is_open():
            self._lines.drop(line)
        return line

    def _connect(self) -> Line:
        connection, bounds = self.configuration.connection(), self.configuration.bounds
        over_tls = isinstance(connection, self._driver.blocking.SSLConnection)
        greeting = greetings.going_on() if over_tls else nullcontext()
        ends = within(bounds.seconds, connection, self.address) if bounds else nullcontext()
        try:
            with greeting, ends:
                connection.connect()
            if bounds is None:
                return Line(connection, self._codec)
            return BoundedLine(connection, self._codec, bounds)
        except self._driver.error as error:
            failure = translated(error, self._driver)
            self.breaker.heard(failure)
            raise failure from error

    def after_fork(self) -> None:
        """Leave the parent's connections to the parent."""
        self.breaker = Breaker() if self.configuration.breaks else NeverBreaks()
        limit, patience = self.configuration.limit, self.configuration.patience
        # The driver's connections close without a word in a child.
        self._lines = Lines(self._connect, limit, patience)
        self._loops = Loops(self.configuration, self._codec, self.breaker, self._suspect)


class Registry:
    """All servers of this process, by configuration. No lock: whoever is interrupted holds none."""

    def __init__(self) -> None:
        self.servers: dict[Any, Server] = {}
        self.named: Any = ()
        """The CACHES of the last change that tests made."""
        self.inherited: list[Loops] = []
        """Ways of event loops that run in the parent: collecting them would disturb those."""

    def after_fork(self) -> None:
        """Start anew in a child."""
        for server in self.servers.values():
            self.inherited.append(server._loops)
            server.after_fork()


_registry = Registry()


def shared(name: Any, make: Callable[[], S]) -> S:
    """Return the server that this process knows by `name`; make it, if there is none yet."""
    server = _registry.servers.get(name)
    if server is None:
        server = _registry.servers.setdefault(name, make())
    return server  # type: ignore[return-value]  # A name belongs to one class.


os.register_at_fork(after_in_child=_registry.after_fork)


@receiver(setting_changed)
def close_unused(*, setting: str, value: Any = None, **kwargs: Any) -> None:
    """Let go of the connections of caches that tests put out of use, perhaps."""
    if setting != "CACHES" or frozen(value) == _registry.named:
        return
    _registry.named = frozen(value)
    for server in list(_registry.servers.values()):
        server.close_unused()


atexit.register(close_unused, setting="CACHES")
