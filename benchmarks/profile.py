"""Where a `get` of our backends spends its time, by lines of source.

The interpreter is stopped every few milliseconds of CPU time to see which line runs, the calls of C
functions on that line included. Unlike a profiler that is told of every call, this slows nothing.
"""

from __future__ import annotations

import linecache
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from benchmarks.calls.addresses import Tcp
from benchmarks.calls.contenders import OURS, Backend
from benchmarks.calls.operations import GET
from benchmarks.calls.samples import TEXT
from benchmarks.calls.tables import table
from benchmarks.calls.turns import Times, settled
from tests import servers

SECONDS = 10.0
"""How long each backend is watched, of CPU time."""

INTERVAL = 0.001
"""Seconds of CPU time between two looks; the kernel may take longer."""

SHOWN = 25
"""Lines of source."""

AT_ONCE = 1000
"""Calls between two looks at the clock."""


@dataclass(frozen=True)
class Line:
    """A line of source that runs."""

    code: CodeType
    number: int

    @property
    def file(self) -> str:
        path = Path(self.code.co_filename)
        return f"{path.parent.name}/{path.name}"

    @property
    def place(self) -> str:
        return f"{self.file}:{self.number}"

    @property
    def text(self) -> str:
        source = linecache.getline(self.code.co_filename, self.number).strip()
        return f"`{source}`".replace("|", "\\|")


@dataclass(frozen=True)
class Profile:
    """How often which line was seen, and what a call takes."""

    name: str
    seen: Counter[Line]
    seconds: float

    def markdown(self) -> str:
        files = Counter[str]()
        for line, count in self.seen.items():
            files[line.file] += count
        by_line = [
            [line.place, *self._shares(count), line.text]
            for line, count in self.seen.most_common(SHOWN)
        ]
        by_file = [[name, *self._shares(count)] for name, count in files.most_common()]
        return (
            f"## {self.name}: `get` of a {TEXT.name} over TCP\n\n"
            f"{self.seconds * 1e6:.1f} µs of CPU time a call. "
            f"The interpreter was stopped {self.seen.total():,} times.\n\n"
            f"{table(['', 'share', 'µs', 'line'], by_line)}\n\n"
            f"{table(['', 'share', 'µs'], by_file)}"
        )

    def _shares(self, count: int) -> tuple[str, str]:
        """Return which part of the time was seen so often, in percent and in microseconds."""
        share = count / self.seen.total()
        return f"{share:.1%}", f"{share * self.seconds * 1e6:.2f}"


def report(seconds: float = SECONDS) -> str:
    """Return the lines of both our backends."""
    with servers.valkey() as server, settled():
        return "\n\n".join(watched(one, Tcp(server.port), seconds).markdown() for one in OURS)


def watched(backend: Backend, address: Tcp, seconds: float) -> Profile:
    call = GET.prepare(backend.open(address, 0), backend.entries(TEXT), AT_ONCE)
    calls = 0
    with watching() as seen:
        start = Times.now()
        while time.process_time() - start.cpu < seconds:
            repeat(call, AT_ONCE)
            calls += AT_ONCE
        times = Times.since(start, calls)
    return Profile(backend.name, seen, times.cpu)


def repeat(call: Callable[[], Any], times: int) -> None:
    for _call in range(times):
        call()


@contextmanager
def watching() -> Iterator[Counter[Line]]:
    """Count the lines that run, in the main thread."""
    seen: Counter[Line] = Counter()

    def look(_signal: int, frame: FrameType | None) -> None:
        if frame is not None:
            # An instruction may be of no line.
            seen[Line(frame.f_code, frame.f_lineno or frame.f_code.co_firstlineno)] += 1

    before = signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)
    try:
        yield seen
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
