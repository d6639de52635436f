"""Work on many keys in steps: delete, expire, flush."""

from __future__ import annotations

import json
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, Protocol, Self, TypeVar

from django_cachex.inspectors.base import Inspector
from django_cachex.inspectors.edits import BulkResult, Failures
from django_cachex.inspectors.types import ScanPage


def json_size(part: Any) -> int:
    """Return the bytes that a part of a state takes: an emoji takes twelve, a quote two."""
    return len(json.dumps(part))


def encode_key(stored: bytes) -> str:
    """Return a stored key as a state has it: a third longer, whatever its bytes are."""
    return b64encode(stored).decode()


def decode_key(text: str) -> bytes:
    """Return the stored key in a state."""
    return b64decode(text)


BATCH_SIZE: Final = 5000
"""Keys that are looked for before something is done to them."""

FindKeys = Callable[[str, int, float], ScanPage]
"""Return the keys after a token: some number of them, until a deadline of `time.monotonic`."""


class Task(Protocol):
    """What is done to keys, with what it has counted so far."""

    def process(self, inspector: Inspector, keys: Sequence[bytes]) -> Self:
        """Do it to a batch of keys; return the task with its new counts."""

    def state(self) -> Any:
        """Return the counts as JSON can say them."""

    @property
    def removed(self) -> int:
        """How many keys it has taken out of the store, which has grown smaller by them."""


TaskT = TypeVar("TaskT", bound=Task)


@dataclass(frozen=True)
class ScanProgress:
    """How far a search has come."""

    token: str = ""
    """Where it goes on; empty at the beginning, and at the end."""

    examined: int = 0
    total: int | None = None
    """About how many keys there are to examine, or None where nobody knows."""

    complete: bool = False
    failed_nodes: tuple[str, ...] = ()
    """The servers that did not answer, whose keys are still to be found."""

    unknown: int = 0
    """Keys that were left out because nobody says whether they pass a filter."""

    def after(self, listing: ScanPage, removed: int = 0) -> ScanProgress:
        """Return the progress after another listing, of a store that `removed` keys are gone from.

        A total counts what was there at first: else it would come to meet what is examined.
        """
        examined, total = self.examined + listing.examined, listing.total
        if total is not None:
            total += removed
            # An estimate until everything was seen; then it is the total.
            examined = total if listing.complete else min(examined, total)
        failed_nodes, unknown = tuple(listing.failed_nodes), self.unknown + listing.unknown
        return ScanProgress(listing.token, examined, total, listing.complete, failed_nodes, unknown)


@dataclass(frozen=True)
class Job(Generic[TaskT]):
    """A task to be done to all keys that a search finds, and how far it has come."""

    task: TaskT
    progress: ScanProgress = ScanProgress()

    @property
    def complete(self) -> bool:
        return self.progress.complete

    def state(self) -> list[Any]:
        """Return all of it as JSON can say it."""
        at = self.progress
        found = [at.token, at.examined, at.total, at.complete, at.failed_nodes, at.unknown]
        return [*found, self.task.state()]

    @classmethod
    def from_state(cls, state: list[Any], task_from_state: Callable[[Any], TaskT]) -> Job[TaskT]:
        """Return the work that `state` returned this of."""
        token, examined, total, complete, failed_nodes, unknown, counts = state
        progress = ScanProgress(token, examined, total, complete, tuple(failed_nodes), unknown)
        return cls(task_from_state(counts), progress)


def advance(
    work: Job[TaskT], find: FindKeys, inspector: Inspector, deadline: float, batch: int = BATCH_SIZE
) -> Iterator[Job[TaskT]]:
    """Go on until everything is done or `deadline` (of `time.monotonic`); do one batch at least.

    Yields the work after each batch: what was yielded last is what was done, whatever is raised
    then. It raises what the store raises; to go on from what was yielded last is always right.
    """
    while not work.complete:
        before = work.progress.token
        listing = find(before, batch, deadline)
        task = work.task.process(inspector, listing.keys) if listing.keys else work.task
        progress = work.progress.after(listing, work.task.removed)
        work = replace(work, task=task, progress=progress)
        yield work
        if time.monotonic() >= deadline or listing.token == before:
            return  # Where it is where it was, only servers are left that do not answer.


MAX_FAILURES: Final = 1000
"""Keys that are kept with the reason why they could not be changed; of others, the number is."""

MAX_FAILURE_BYTES: Final = 64 * 1024
"""Bytes of such keys and reasons in a state: names may be long."""

MAX_NAME_BYTES: Final = 1000
"""Bytes."""

ELLIPSIS: Final = "…".encode()
"""What a longer name ends with."""

MAX_REASON_LENGTH: Final = 200


@dataclass(frozen=True)
class BulkTask:
    """What to do to each key, and what became of those that had their turn."""

    ttl: int | None = None
    """Milliseconds that keys live from their turn on, or `NEVER`; None deletes them."""

    done: int = 0
    gone: int = 0
    """Keys that were no longer there when their turn came."""

    failed: int = 0
    failures: Failures = ()
    """The first of those that failed, each with the store's reason."""

    uncertain: int = 0
    """Keys that were asked to be changed when the connection broke: perhaps they were."""

    @property
    def processed(self) -> int:
        """How many keys had their turn."""
        return self.done + self.gone + self.failed

    @property
    def removed(self) -> int:
        return self.done if self.ttl is None else 0

    def process(self, inspector: Inspector, keys: Sequence[bytes]) -> BulkTask:
        """Change a batch of keys; return the sweep with what became of them."""
        if self.ttl is None:
            return self._add(inspector.delete_each(keys))
        return self._add(inspector.expire_each(keys, self.ttl))

    def _add(self, tally: BulkResult) -> BulkTask:
        return replace(
            self,
            done=self.done + tally.done,
            gone=self.gone + tally.gone,
            failed=self.failed + len(tally.failures),
            failures=keep_failures(self.failures, tally.failures),
        )

    def state(self) -> list[Any]:
        failures = [[encode_key(stored), reason] for stored, reason in self.failures]
        return [self.ttl, self.done, self.gone, self.failed, failures, self.uncertain]

    @classmethod
    def from_state(cls, state: list[Any]) -> BulkTask:
        ttl, done, gone, failed, failures, uncertain = state
        known = tuple((decode_key(text), reason) for text, reason in failures)
        return cls(ttl, done, gone, failed, known, uncertain)


def keep_failures(before: Failures, new: Failures) -> Failures:
    """Return as many failures as a page can carry, long names and reasons cut."""
    room = MAX_FAILURE_BYTES - sum(map(failure_size, before))
    result = list(before)
    for stored, reason in new[: MAX_FAILURES - len(before)]:
        name = stored if len(stored) <= MAX_NAME_BYTES else stored[:MAX_NAME_BYTES] + ELLIPSIS
        failure = name, reason[:MAX_REASON_LENGTH]
        room -= failure_size(failure)
        if room < 0:
            break
        result.append(failure)
    return tuple(result)


def failure_size(failure: tuple[bytes, str]) -> int:
    """Return the bytes that a failure takes in a state."""
    stored, reason = failure
    return json_size([encode_key(stored), reason])
