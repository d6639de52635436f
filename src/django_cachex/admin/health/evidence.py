"""What is known about a cache: its settings, what its store says, and a sample of its keys."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, Final

from django.utils.translation import gettext as _

from django_cachex.admin.deadline import CallResult, DeadlineExecutor
from django_cachex.admin.messages import short_error
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.health import Capacity, ReadableValues, StoreFacts
from django_cachex.inspectors.namespaces import Estimate, Sample, Usage
from django_cachex.inspectors.query import Query, Scope
from django_cachex.inspectors.types import KeyInfo
from django_cachex.inspectors.valkey.info import INFO_DECIMAL, parse_number

NOT_ASKED: Final[CallResult[Any]] = CallResult()


class Unknown(Exception):
    """A rule can't be checked. `str()` returns the reason for the user."""


class NotApplicable(Exception):
    """A rule is about other backends."""


@dataclass(frozen=True)
class SampleSize:
    """How much of a cache to look at."""

    names: int
    """The number of keys whose names are examined."""

    described: int
    """The number of the cache's own keys whose TTLs and sizes are requested."""

    values: int
    """The number of values that are read."""


FULL_SAMPLE: Final = SampleSize(names=10_000, described=1000, values=50)
SMALL_SAMPLE: Final = SampleSize(names=1000, described=200, values=20)
"""For a page about all caches."""


class Owner(StrEnum):
    """Which cache has a stored key."""

    CACHE = "cache"
    """The cache that is examined."""

    OLD_VERSION = "old-version"
    """The same cache in a version that no cache of the site uses."""

    OTHER_CACHE = "other-cache"
    NOBODY = "nobody"


@dataclass(frozen=True)
class Part:
    """A part of some keys of a sample."""

    count: int
    whole: int
    """The number of keys in the sample that it is a part of."""

    population: int | None
    """About how many such keys there are in the store; None if the sample isn't random."""

    @property
    def share(self) -> Estimate:
        if not self.whole:
            return Estimate(0.0)
        fraction = 1.0 if self.population is None else self.whole / max(self.whole, self.population)
        sample = Sample(Usage(self.whole), fraction)
        return sample.key_share(self.count) or Estimate(0.0)

    @property
    def total(self) -> int:
        """The number of keys that the part stands for."""
        if self.population is None:
            return self.count
        return round(self.share.value * max(self.whole, self.population))

    @property
    def is_estimate(self) -> bool:
        return self.population is not None and self.population > self.whole


@dataclass(frozen=True)
class KeySample:
    """A sample of the keys of a store."""

    scope: Scope
    examined: int
    total: int | None
    """The approximate number of keys in the store, or None if it is unknown."""

    is_complete: bool
    is_random: bool
    owners: Mapping[Owner, int]
    """The number of examined keys by their owner."""

    infos: Sequence[KeyInfo] = ()
    """Information about the first of the cache's own keys."""

    values: ReadableValues | None = None

    def owned_by(self, owner: Owner) -> Part:
        """Return which part of the examined keys has an owner."""
        return Part(self.owners.get(owner, 0), self.examined, self._scale(self.examined))

    def part(self, count: int, whole: int | None = None) -> Part:
        """Return a number of the cache's own keys as a part of those that are known in detail."""
        whole = len(self.infos) if whole is None else whole
        return Part(count, whole, self._scale(self.owners.get(Owner.CACHE, 0)))

    def _scale(self, count: int) -> int | None:
        """Return how many keys of the store a number of examined keys stands for."""
        if self.is_complete:
            return count
        if not self.is_random or not self.total or not self.examined:
            return None
        return max(count, round(count * self.total / self.examined))


@dataclass(frozen=True)
class SampleRequest:
    """Which keys to take a sample of."""

    inspector: Inspector
    scope: Scope | None
    """The widest scope that the user may search, if any."""

    exclude: Callable[[bytes], bool] | None
    """Returns whether a stored key is hidden from the user."""

    neighbours: Sequence[Inspector]
    """The other caches in the same store."""

    size: SampleSize = FULL_SAMPLE

    def take(self) -> KeySample:
        """Return the sample, with a constant number of requests. Raises exceptions of the store."""
        inspector, size, scope = self.inspector, self.size, self.scope or Scope.VERSION
        query = Query(scope=scope, exclude=self.exclude)
        deadline = time.monotonic() + limits().scan_budget
        page = inspector.scan(query, "", size.names, deadline)
        owners = list(map(self.find_owner, page.keys))
        own_keys = [
            stored for stored, owner in zip(page.keys, owners, strict=True) if owner is Owner.CACHE
        ][: size.described]
        columns = {"type", "ttl", "size", "memory"} - (
            set() if "memory" in inspector.optional_columns else {"memory"}
        )
        infos = [one for one in inspector.describe(own_keys, columns) if one.exists]
        return KeySample(
            scope,
            len(page.keys),
            page.total,
            page.complete,
            inspector.has_random_order,
            Counter(owners),
            infos,
            inspector.try_reading(infos, size.values),
        )

    def find_owner(self, stored: bytes) -> Owner:
        """Return the owner of a stored key."""
        if self.scope is Scope.VERSION or self.inspector.owns(stored):
            return Owner.CACHE
        if any(other.owns(stored) for other in self.neighbours):
            return Owner.OTHER_CACHE
        if has_version_of(self.inspector, stored):
            return Owner.OLD_VERSION
        is_others = any(has_version_of(other, stored) for other in self.neighbours)
        return Owner.OTHER_CACHE if is_others else Owner.NOBODY


def has_version_of(inspector: Inspector, stored: bytes) -> bool:
    """Return whether a stored key belongs to a cache in any version."""
    keyspace = inspector.naming.keyspace
    return keyspace is not None and keyspace.contains(stored)


@dataclass(frozen=True)
class Evidence:
    """What is known about a cache.

    Its properties raise `Unknown` or `NotApplicable` in place of returning None.
    """

    inspector: Inspector
    facts: CallResult[StoreFacts] = NOT_ASKED
    key_sample: CallResult[KeySample] = NOT_ASKED
    neighbours: Sequence[Inspector] = ()
    """The other caches in the same store that the user may see."""

    is_multiprocess: bool | None = None
    """Whether several processes serve the site, or None if that is unknown."""

    today: date = field(default_factory=date.today)

    def fact(self, name: str) -> Any:
        """Return an attribute of `StoreFacts`."""
        if name not in self.inspector.health_facts:
            raise NotApplicable
        if self.facts.error is not None:
            raise Unknown(short_error(self.inspector, self.facts.error))
        facts = self.facts.value or StoreFacts()
        if name in facts.denied:
            raise Unknown(_("%(command)s is denied") % {"command": facts.denied[name]})
        value = getattr(facts, name)
        if value is None:
            raise NotApplicable
        return value

    @property
    def info(self) -> Mapping[str, str]:
        info: Mapping[str, str] = self.fact("info")
        return info

    @property
    def capacity(self) -> Capacity:
        capacity: Capacity = self.fact("capacity")
        return capacity

    @property
    def sample(self) -> KeySample:
        if self.facts.error is not None and self.inspector.can_list:
            raise Unknown(short_error(self.inspector, self.facts.error))
        if self.inspector.discards_entries:
            raise NotApplicable
        if not self.inspector.can_list:
            raise Unknown(str(self.inspector.unsupported_reason("can_list")))
        if self.key_sample.error is not None:
            raise Unknown(short_error(self.inspector, self.key_sample.error))
        if self.key_sample.value is None:
            raise NotApplicable
        return self.key_sample.value

    def number(self, name: str) -> int:
        """Return a whole number from `INFO`."""
        number = parse_number(self.info, name)
        if number is None:
            raise Unknown(_("the server doesn't report %(name)s") % {"name": name})
        return number

    def decimal(self, name: str) -> float:
        """Return a number from `INFO`."""
        text = self.info.get(name, "")
        if not INFO_DECIMAL.fullmatch(text):
            raise Unknown(_("the server doesn't report %(name)s") % {"name": name})
        return float(text)

    @property
    def memory_limit(self) -> int:
        """The value of `maxmemory` in bytes; 0 if there is no limit or if it is unknown."""
        try:
            return self.number("maxmemory")
        except (Unknown, NotApplicable):
            return 0

    @property
    def eviction_policy(self) -> str:
        """The value of `maxmemory-policy` if there is a memory limit, otherwise empty."""
        return self.info.get("maxmemory_policy", "") if self.memory_limit else ""


def gather(
    executor: DeadlineExecutor,
    requests: Sequence[SampleRequest],
    is_multiprocess: bool | None = None,
    may_see: Callable[[Inspector], bool] = lambda inspector: True,
) -> list[Evidence]:
    """Return what is known about some caches, under the deadline of an executor.

    Facts come first, so that they are known even if there is no time for a sample.

    Args:
        executor: runs the calls to the caches.
        requests: what to take samples of, one for each cache.
        is_multiprocess: whether several processes serve the site.
        may_see: returns whether the user may know about another cache.
    """
    facts = executor.run_all({one.inspector: one.inspector.fetch_facts for one in requests})
    samples = executor.run_all(
        {
            one.inspector: one.take
            for one in requests
            if one.scope and one.inspector.can_list and facts[one.inspector].error is None
        }
    )
    return [
        Evidence(
            one.inspector,
            facts[one.inspector],
            samples.get(one.inspector, NOT_ASKED),
            [other for other in one.neighbours if may_see(other)],
            is_multiprocess,
        )
        for one in requests
    ]


def runs_in_processes(environ: Mapping[str, Any]) -> bool | None:
    """Return whether several processes serve the site, or None if that is unknown.

    Args:
        environ: the WSGI environment of a request; empty on the command line.
    """
    workers = os.environ.get("WEB_CONCURRENCY", "")
    if environ.get("wsgi.multiprocess") or (workers.isdecimal() and int(workers) > 1):
        return True
    return None if "wsgi.multiprocess" not in environ else False
