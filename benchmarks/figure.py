"""What was measured, as a table of Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

RATIO = "ratio"
"""The name of the goal for the time of a page divided by the time it is compared with."""

NOTHING = "–"
"""Stands where nothing was measured."""


@dataclass(frozen=True)
class Measured:
    """One line of a table."""

    what: str
    counts: Mapping[str, float] = field(default_factory=dict)
    """How many of what; the names head the columns."""

    seconds: Sequence[float] = ()
    """For each round."""

    reference: Sequence[float] = ()
    """The seconds in the same rounds of what this is compared with."""

    note: str = ""

    @property
    def ratios(self) -> list[float]:
        """The ratio of each round."""
        return [one / other for one, other in zip(self.seconds, self.reference, strict=True)]

    def misses(self, goals: Mapping[str, float]) -> list[str]:
        """Return the goals for counts that are exceeded."""
        return [name for name, count in self.counts.items() if count > goals.get(name, count)]


@dataclass(frozen=True)
class Figure:
    """What was measured to see whether something stays within its goals."""

    title: str
    about: str
    goals: Mapping[str, float]
    """The most that there may be of what is counted; `RATIO` limits the median ratio."""

    lines: Sequence[Measured]
    timed: tuple[str, str] = ("time", "compared with")
    """What heads the columns of times and of those compared with."""

    def misses(self) -> list[str]:
        """Return the lines whose counts exceed a goal, with what they exceed."""
        return [f"{line.what}: {name}" for line in self.lines for name in line.misses(self.goals)]

    def markdown(self) -> str:
        """Return the table under its heading; what misses its goal is bold."""
        rows = [list(self._cells(line)) for line in self.lines]
        goals = ", ".join(f"{name} at most {figure(most)}" for name, most in self.goals.items())
        return "\n".join(
            [
                f"## {self.title}\n",
                f"{self.about} Goals: {goals}.\n",
                row(self._headers()),
                row(["---", *["---:"] * (len(self._headers()) - 1)]),
                *map(row, rows),
                *notes(self.lines),
            ]
        )

    @property
    def _counted(self) -> list[str]:
        return list(dict.fromkeys(name for line in self.lines for name in line.counts))

    @property
    def _is_timed(self) -> bool:
        return any(line.seconds for line in self.lines)

    def _headers(self) -> list[str]:
        times = [*self.timed, f"{RATIO} (lowest–highest)"] if self._is_timed else []
        return ["", *self._counted, *times]

    def _cells(self, line: Measured) -> Iterator[str]:
        yield line.what
        missed = line.misses(self.goals)
        for name in self._counted:
            text = figure(line.counts[name]) if name in line.counts else NOTHING
            yield f"**{text}**" if name in missed else text
        if self._is_timed:
            yield from self._times(line) if line.seconds else (NOTHING,) * 3

    def _times(self, line: Measured) -> tuple[str, str, str]:
        ratios = line.ratios
        middle = median(ratios)
        ratio = f"{middle:.2f}"
        if middle > self.goals.get(RATIO, middle):
            ratio = f"**{ratio}**"
        spread = f"{min(ratios):.2f}–{max(ratios):.2f}"
        return milliseconds(line.seconds), milliseconds(line.reference), f"{ratio} ({spread})"


def row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def notes(lines: Sequence[Measured]) -> Iterator[str]:
    """Yield what is said beneath the table."""
    said = [f"- {line.what}: {line.note}" for line in lines if line.note]
    if said:
        yield ""
    yield from said


def figure(number: float) -> str:
    """Return a number as people read it: with separators, or with one decimal."""
    return f"{number:,.0f}" if number == int(number) else f"{number:,.1f}"


def milliseconds(seconds: Sequence[float]) -> str:
    return f"{median(seconds) * 1000:.1f} ms"
