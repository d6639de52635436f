"""Results as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

RATIO = "ratio"
"""The name of the goal for the ratio of a time and its reference time."""

NOT_MEASURED = "–"
"""Cell for a value that was not measured."""


@dataclass(frozen=True)
class Measurement:
    """One row of a table."""

    label: str
    counts: Mapping[str, float] = field(default_factory=dict)
    """Counts by the title of their column."""

    seconds: Sequence[float] = ()
    """The seconds of each round."""

    reference: Sequence[float] = ()
    """The seconds of the reference in the same rounds."""

    note: str = ""

    @property
    def ratios(self) -> list[float]:
        """The ratio of each round."""
        return [one / other for one, other in zip(self.seconds, self.reference, strict=True)]

    def misses(self, goals: Mapping[str, float]) -> list[str]:
        """Return the names of the counts that exceed their goals."""
        return [name for name, count in self.counts.items() if count > goals.get(name, count)]


@dataclass(frozen=True)
class Figure:
    """A table of measurements and their goals."""

    title: str
    description: str
    goals: Mapping[str, float]
    """The maximum of each count; `RATIO` is the maximum of the median ratio."""

    lines: Sequence[Measurement]
    time_headers: tuple[str, str] = ("time", "compared with")
    """The titles of the columns for times and reference times."""

    def misses(self) -> list[str]:
        """Return the rows whose counts exceed a goal, with the name of the goal."""
        return [f"{line.label}: {name}" for line in self.lines for name in line.misses(self.goals)]

    def markdown(self) -> str:
        """Return the table under its heading; values that miss their goal are bold."""
        rows = [list(self._cells(line)) for line in self.lines]
        goals = ", ".join(
            f"{name} at most {format_number(maximum)}" for name, maximum in self.goals.items()
        )
        return "\n".join(
            [
                f"## {self.title}\n",
                f"{self.description} Goals: {goals}.\n",
                table_row(self._headers()),
                table_row(["---", *["---:"] * (len(self._headers()) - 1)]),
                *map(table_row, rows),
                *format_notes(self.lines),
            ]
        )

    @property
    def _counted(self) -> list[str]:
        return list(dict.fromkeys(name for line in self.lines for name in line.counts))

    @property
    def _is_timed(self) -> bool:
        return any(line.seconds for line in self.lines)

    def _headers(self) -> list[str]:
        times = [*self.time_headers, f"{RATIO} (lowest–highest)"] if self._is_timed else []
        return ["", *self._counted, *times]

    def _cells(self, line: Measurement) -> Iterator[str]:
        yield line.label
        missed = line.misses(self.goals)
        for name in self._counted:
            text = format_number(line.counts[name]) if name in line.counts else NOT_MEASURED
            yield f"**{text}**" if name in missed else text
        if self._is_timed:
            yield from self._times(line) if line.seconds else (NOT_MEASURED,) * 3

    def _times(self, line: Measurement) -> tuple[str, str, str]:
        ratios = line.ratios
        median_ratio = median(ratios)
        ratio = f"{median_ratio:.2f}"
        if median_ratio > self.goals.get(RATIO, median_ratio):
            ratio = f"**{ratio}**"
        spread = f"{min(ratios):.2f}–{max(ratios):.2f}"
        return (
            format_milliseconds(line.seconds),
            format_milliseconds(line.reference),
            f"{ratio} ({spread})",
        )


def table_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def format_notes(lines: Sequence[Measurement]) -> Iterator[str]:
    """Yield the notes below the table."""
    notes = [f"- {line.label}: {line.note}" for line in lines if line.note]
    if notes:
        yield ""
    yield from notes


def format_number(number: float) -> str:
    """Format a number with thousands separators, or with one decimal place."""
    return f"{number:,.0f}" if number == int(number) else f"{number:,.1f}"


def format_milliseconds(seconds: Sequence[float]) -> str:
    return f"{median(seconds) * 1000:.1f} ms"
