"""Deleting, expiring or persisting all keys that a search finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from django_cachex.inspectors.base import Inspector
from django_cachex.inspectors.bulk import Failures, Tally
from django_cachex.inspectors.work.carried import length, spelled, unspelled

MOST_FAILURES: Final = 1000
"""Keys that are kept with the reason why they could not be changed; of others, the number is."""

MOST_BYTES: Final = 64 * 1024
"""Bytes of such keys and reasons in a state: names may be long."""

NAME_LENGTH: Final = 1000
"""Bytes."""

CUT: Final = "…".encode()
"""What a longer name ends with."""

REASON_LENGTH: Final = 200


@dataclass(frozen=True)
class Sweep:
    """What to do to each key, and what became of those that had their turn."""

    ttl: int | None = None
    """Milliseconds that keys live from their turn on, or `NEVER`; None deletes them."""

    done: int = 0
    gone: int = 0
    """Keys that were no longer there when their turn came."""

    failed: int = 0
    failures: Failures = ()
    """The first of those that failed, each with the store's reason."""

    in_doubt: int = 0
    """Keys that were asked to be changed when the connection broke: perhaps they were."""

    @property
    def turns(self) -> int:
        """How many keys had their turn."""
        return self.done + self.gone + self.failed

    @property
    def removed(self) -> int:
        return self.done if self.ttl is None else 0

    def take(self, inspector: Inspector, keys: Sequence[bytes]) -> Sweep:
        """Change a batch of keys; return the sweep with what became of them."""
        if self.ttl is None:
            return self._with(inspector.delete_each(keys))
        return self._with(inspector.expire_each(keys, self.ttl))

    def _with(self, tally: Tally) -> Sweep:
        return replace(
            self,
            done=self.done + tally.done,
            gone=self.gone + tally.gone,
            failed=self.failed + len(tally.failures),
            failures=kept(self.failures, tally.failures),
        )

    def state(self) -> list[Any]:
        failures = [[spelled(stored), reason] for stored, reason in self.failures]
        return [self.ttl, self.done, self.gone, self.failed, failures, self.in_doubt]

    @classmethod
    def of_state(cls, state: list[Any]) -> Sweep:
        ttl, done, gone, failed, failures, in_doubt = state
        known = tuple((unspelled(text), reason) for text, reason in failures)
        return cls(ttl, done, gone, failed, known, in_doubt)


def kept(before: Failures, new: Failures) -> Failures:
    """Return as many failures as a page can carry, long names and reasons cut."""
    room = MOST_BYTES - sum(map(size, before))
    result = list(before)
    for stored, reason in new[: MOST_FAILURES - len(before)]:
        name = stored if len(stored) <= NAME_LENGTH else stored[:NAME_LENGTH] + CUT
        failure = name, reason[:REASON_LENGTH]
        room -= size(failure)
        if room < 0:
            break
        result.append(failure)
    return tuple(result)


def size(failure: tuple[bytes, str]) -> int:
    """Return the bytes that a failure takes in a state."""
    stored, reason = failure
    return length([spelled(stored), reason])
