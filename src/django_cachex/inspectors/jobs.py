"""Jobs that process many keys in steps: delete, expire, flush."""

from __future__ import annotations

import json
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, Protocol, Self, TypeVar

from django_cachex.inspectors.base import Inspector
from django_cachex.inspectors.edits import BulkResult, ExpireCondition, Failures
from django_cachex.inspectors.types import ScanPage


def json_size(value: Any) -> int:
    """Return the size of a part of a state in bytes as JSON, with non-ASCII characters escaped."""
    return len(json.dumps(value))


def encode_key(stored: bytes) -> str:
    """Encode a stored key as Base64 for a state, so that the size doesn't depend on its bytes."""
    return b64encode(stored).decode()


def decode_key(text: str) -> bytes:
    """Decode a stored key of a state."""
    return b64decode(text)


BATCH_SIZE: Final = 5000
"""Number of keys to find before they are processed."""

FindKeys = Callable[[str, int, float], ScanPage]
"""A function that finds keys. Its arguments are those of `Inspector.scan`, without the query."""


class Task(Protocol):
    """What a job does with keys, and its counts so far."""

    def process(self, inspector: Inspector, keys: Sequence[bytes]) -> Self:
        """Process a batch of keys. Returns the task with updated counts."""

    def to_json(self) -> Any:
        """Return the counts in a form that can be serialized as JSON."""

    @property
    def removed(self) -> int:
        """The number of keys that the task has removed from the store."""


TaskT = TypeVar("TaskT", bound=Task)


@dataclass(frozen=True)
class ScanProgress:
    """The progress of a search."""

    token: str = ""
    """Where to continue. Empty at the start and at the end."""

    examined: int = 0
    total: int | None = None
    """The approximate number of keys to examine, or None if it is unknown."""

    complete: bool = False
    failed_nodes: tuple[str, ...] = ()
    """The servers that didn't respond. Their keys are still to be found."""

    unknown: int = 0
    """The number of keys that were left out because it isn't known whether they pass a filter."""

    restarted: bool = False
    """Whether the search started over, because a server was restarted."""

    def after(self, page: ScanPage, removed: int = 0) -> ScanProgress:
        """Return the progress after another page.

        Args:
            page: the page.
            removed: the number of keys that the task has removed so far. They are added to the
                total, which would otherwise shrink while the job runs.
        """
        examined, total = self.examined + page.examined, page.total
        if total is not None:
            total += removed
            # The total is an estimate until everything was examined.
            examined = total if page.complete else min(examined, total)
        return ScanProgress(
            page.token,
            examined,
            total,
            page.complete,
            tuple(page.failed_nodes),
            self.unknown + page.unknown,
            self.restarted or page.restarted,
        )


@dataclass(frozen=True)
class Job(Generic[TaskT]):
    """A task for all keys that a search finds, and the progress of the search."""

    task: TaskT
    progress: ScanProgress = ScanProgress()

    @property
    def complete(self) -> bool:
        return self.progress.complete

    def to_json(self) -> list[Any]:
        """Return the job as values that JSON can represent, without the position of the search."""
        at = self.progress
        progress = [at.examined, at.total, at.complete, at.failed_nodes, at.unknown, at.restarted]
        return [*progress, self.task.to_json()]

    @classmethod
    def from_json(
        cls, state: list[Any], position: str, task_from_json: Callable[[Any], TaskT]
    ) -> Job[TaskT]:
        """Return a job from the result of `to_json` and the position of its search."""
        examined, total, complete, failed_nodes, unknown, restarted, counts = state
        progress = ScanProgress(
            position, examined, total, complete, tuple(failed_nodes), unknown, restarted
        )
        return cls(task_from_json(counts), progress)


def advance(
    job: Job[TaskT], find: FindKeys, inspector: Inspector, deadline: float, batch: int = BATCH_SIZE
) -> Iterator[Job[TaskT]]:
    """Continue a job until it is complete or until the deadline. Processes at least one batch.

    Yields the job after each batch. If an exception of the store is raised, the last yielded job
    says what was done and can be continued.

    Args:
        job: the job.
        find: finds the next keys.
        inspector: processes the keys.
        deadline: the time to stop at, on the clock of `time.monotonic`.
        batch: the number of keys to find at once.
    """
    while not job.complete:
        token = job.progress.token
        page = find(token, batch, deadline)
        task = job.task.process(inspector, page.keys) if page.keys else job.task
        progress = job.progress.after(page, job.task.removed)
        job = replace(job, task=task, progress=progress)
        yield job
        if time.monotonic() >= deadline or page.token == token:
            return  # Without progress, only servers remain that don't respond.


MAX_FAILURES: Final = 1000
"""Maximum number of failures to keep with their reasons. Others are only counted."""

MAX_FAILURE_BYTES: Final = 64 * 1024
"""Maximum size of the failures in a state, in bytes."""

MAX_NAME_BYTES: Final = 1000
"""Maximum length of a failed key. Longer keys are truncated."""

ELLIPSIS: Final = "…".encode()
"""The end of a truncated key."""

MAX_REASON_LENGTH: Final = 200


@dataclass(frozen=True)
class BulkTask:
    """Delete keys or change their TTL, and count the results."""

    ttl: int | None = None
    """The new TTL in milliseconds, or `TTL_NONE`; None to delete the keys."""

    done: int = 0
    gone: int = 0
    """The number of keys that no longer existed."""

    failed: int = 0
    failures: Failures = ()
    """The first failures, with the store's reasons."""

    uncertain: int = 0
    """The number of keys whose result is unknown because the connection was lost."""

    condition: ExpireCondition = ExpireCondition.ALWAYS
    """Which of the keys get the TTL."""

    unchanged: int = 0
    """The number of keys that don't meet the condition."""

    @property
    def processed(self) -> int:
        """The number of processed keys."""
        return self.done + self.gone + self.failed + self.unchanged

    @property
    def counts(self) -> list[int]:
        """The numbers of keys by result, which say how far the task has come."""
        return [self.done, self.gone, self.failed, self.uncertain, self.unchanged]

    def without_counts(self) -> BulkTask:
        """Return the same task before it has done anything."""
        return BulkTask(self.ttl, condition=self.condition)

    def since(self, before: BulkTask) -> BulkTask:
        """Return the task with the results since an earlier state of it."""
        return replace(
            self,
            done=self.done - before.done,
            gone=self.gone - before.gone,
            failed=self.failed - before.failed,
            failures=self.failures[len(before.failures) :],
            uncertain=self.uncertain - before.uncertain,
            unchanged=self.unchanged - before.unchanged,
        )

    @property
    def removed(self) -> int:
        return self.done if self.ttl is None else 0

    def process(self, inspector: Inspector, keys: Sequence[bytes]) -> BulkTask:
        """Delete or expire a batch of keys. Returns the task with updated counts."""
        if self.ttl is None:
            return self._add(inspector.delete_each(keys))
        if self.condition is ExpireCondition.ALWAYS:
            return self._add(inspector.expire_each(keys, self.ttl))
        return self._add(inspector.expire_if(keys, self.ttl, self.condition))

    def _add(self, result: BulkResult) -> BulkTask:
        return replace(
            self,
            done=self.done + result.done,
            gone=self.gone + result.gone,
            failed=self.failed + len(result.failures),
            failures=keep_failures(self.failures, result.failures),
            unchanged=self.unchanged + result.unchanged,
        )

    def mask_failures(self, mask_key: Callable[[bytes], bytes]) -> BulkTask:
        """Return the task with `mask_key` applied to the keys that failed."""
        masked = tuple((mask_key(stored), reason) for stored, reason in self.failures)
        return replace(self, failures=masked)

    def to_json(self) -> list[Any]:
        failures = [[encode_key(stored), reason] for stored, reason in self.failures]
        return [self.ttl, self.condition, failures, *self.counts]

    @classmethod
    def from_json(cls, state: list[Any]) -> BulkTask:
        ttl, condition, failures, done, gone, failed, uncertain, unchanged = state
        decoded = tuple((decode_key(text), reason) for text, reason in failures)
        limited_to = ExpireCondition(condition)
        return cls(ttl, done, gone, failed, decoded, uncertain, limited_to, unchanged)


def keep_failures(kept: Failures, new: Failures) -> Failures:
    """Return the failures to keep, within the limits. Long names and reasons are truncated."""
    room = MAX_FAILURE_BYTES - sum(map(failure_size, kept))
    failures = list(kept)
    for stored, reason in new[: MAX_FAILURES - len(kept)]:
        name = stored if len(stored) <= MAX_NAME_BYTES else stored[:MAX_NAME_BYTES] + ELLIPSIS
        failure = name, reason[:MAX_REASON_LENGTH]
        room -= failure_size(failure)
        if room < 0:
            break
        failures.append(failure)
    return tuple(failures)


def failure_size(failure: tuple[bytes, str]) -> int:
    """Return the size of a failure in a state, in bytes."""
    stored, reason = failure
    return json_size([encode_key(stored), reason])
