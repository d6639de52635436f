"""Changes to many keys at once, and what became of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from django_cachex.inspectors.edits import Outcome, Result

Failures = tuple[tuple[bytes, str], ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of some keys were changed, were gone already, or could not be changed."""

    done: int = 0
    gone: int = 0
    failures: Failures = ()
    """The stored keys that the store refused to change, each with its reason."""


def of_outcomes(outcomes: Iterable[tuple[bytes, Outcome]]) -> Tally:
    """Return the tally of edits that were applied one by one."""
    done, gone = 0, 0
    failures = []
    for stored, outcome in outcomes:
        if outcome.result is Result.DONE:
            done += 1
        elif outcome.result is Result.GONE:
            gone += 1
        else:
            failures.append((stored, str(outcome.reason or outcome.result)))
    return Tally(done, gone, tuple(failures))


def is_about_a_file(error: OSError) -> bool:
    """Return whether the system refused to touch a file: a connection that breaks has none."""
    return error.filename is not None


def one_by_one(keys: Sequence[bytes], delete: Callable[[Sequence[bytes]], int]) -> Tally:
    """Delete keys alone, so that one which the system refuses to delete keeps no other."""
    done, failures = 0, []
    for stored in keys:
        try:
            done += delete([stored])
        except OSError as error:
            if not is_about_a_file(error):
                raise
            failures.append((stored, error.strerror or str(error)))
    return Tally(done, len(keys) - done - len(failures), tuple(failures))
