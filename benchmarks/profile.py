"""A sampling profiler: where `get` of our backends spends its time, by source line.

A signal interrupts the interpreter every few milliseconds of CPU time to record the current line,
which includes the C functions that it calls. Unlike a tracing profiler, this hardly slows the code.
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
from benchmarks.calls.timing import Times, frozen_garbage_collector
from tests import servers

SECONDS = 10.0
"""CPU time in seconds for which each backend is profiled."""

INTERVAL = 0.001
"""Seconds of CPU time between samples; the kernel may take longer."""

MAX_LINES = 25
"""Maximum number of source lines in the table."""

BATCH_SIZE = 1000
"""Calls between two checks of the clock."""


@dataclass(frozen=True)
class Line:
    """A line of source code."""

    code: CodeType
    number: int

    @property
    def file(self) -> str:
        path = Path(self.code.co_filename)
        return f"{path.parent.name}/{path.name}"

    @property
    def location(self) -> str:
        return f"{self.file}:{self.number}"

    @property
    def text(self) -> str:
        source = linecache.getline(self.code.co_filename, self.number).strip()
        return f"`{source}`".replace("|", "\\|")


@dataclass(frozen=True)
class Profile:
    """The number of samples by line, and the CPU time of a call in seconds."""

    name: str
    samples: Counter[Line]
    seconds: float

    def markdown(self) -> str:
        files = Counter[str]()
        for line, count in self.samples.items():
            files[line.file] += count
        by_line = [
            [line.location, *self._shares(count), line.text]
            for line, count in self.samples.most_common(MAX_LINES)
        ]
        by_file = [[name, *self._shares(count)] for name, count in files.most_common()]
        return (
            f"## {self.name}: `get` of a {TEXT.name} over TCP\n\n"
            f"{self.seconds * 1e6:.1f} µs of CPU time a call. "
            f"The interpreter was stopped {self.samples.total():,} times.\n\n"
            f"{table(['', 'share', 'µs', 'line'], by_line)}\n\n"
            f"{table(['', 'share', 'µs'], by_file)}"
        )

    def _shares(self, count: int) -> tuple[str, str]:
        """Return the share of samples in percent, and as microseconds of a call."""
        share = count / self.samples.total()
        return f"{share:.1%}", f"{share * self.seconds * 1e6:.2f}"


def report(seconds: float = SECONDS) -> str:
    """Return the profiles of both backends."""
    with servers.valkey() as server, frozen_garbage_collector():
        return "\n\n".join(
            profile_backend(one, Tcp(server.port), seconds).markdown() for one in OURS
        )


def profile_backend(backend: Backend, address: Tcp, seconds: float) -> Profile:
    call = GET.prepare(backend.open(address, 0), backend.entries(TEXT), BATCH_SIZE)
    calls = 0
    with sample_lines() as samples:
        start = Times.now()
        while time.process_time() - start.cpu < seconds:
            repeat(call, BATCH_SIZE)
            calls += BATCH_SIZE
        times = Times.since(start, calls)
    return Profile(backend.name, samples, times.cpu)


def repeat(call: Callable[[], Any], times: int) -> None:
    for _call in range(times):
        call()


@contextmanager
def sample_lines() -> Iterator[Counter[Line]]:
    """Sample the lines that run in the main thread."""
    samples: Counter[Line] = Counter()

    def record(_signal: int, frame: FrameType | None) -> None:
        if frame is not None:
            # Some instructions have no line number.
            samples[Line(frame.f_code, frame.f_lineno or frame.f_code.co_firstlineno)] += 1

    previous_handler = signal.signal(signal.SIGPROF, record)
    signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)
    try:
        yield samples
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous_handler)
