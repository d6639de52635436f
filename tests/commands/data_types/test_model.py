"""Random sequences of commands leave on a server what they leave in a model."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from django_cachex.cache.backends import ServerCache
from tests.commands.data_types.conftest import cache_on, emptied
from tests.commands.data_types.surfaces import run
from tests.servers import Server

Value = int | str


class Model:
    """Collections by key; one without elements is no key."""

    def __init__(self) -> None:
        self.lists: dict[str, list[Value]] = {}
        self.sets: dict[str, set[Value]] = {}
        self.hashes: dict[str, dict[str, Value]] = {}
        self.sorted: dict[str, dict[Value, float]] = {}

    def tidy(self) -> None:
        """Forget collections without elements."""
        kinds: tuple[dict[str, Any], ...] = (self.lists, self.sets, self.hashes, self.sorted)
        for kind in kinds:
            for key in [key for key, found in kind.items() if not found]:
                del kind[key]

    # Lists.

    def rpush(self, key: str, *values: Value) -> int:
        found = self.lists.setdefault(key, [])
        found += values
        return len(found)

    def lpush(self, key: str, *values: Value) -> int:
        found = self.lists.setdefault(key, [])
        found[:0] = reversed(values)
        return len(found)

    def lpop(self, key: str, count: int) -> list[Value]:
        found = self.lists.get(key, [])
        taken, found[:count] = found[:count], []
        return taken

    def rpop(self, key: str, count: int) -> list[Value]:
        found = self.lists.get(key, [])
        return [found.pop() for _ in range(min(count, len(found)))]

    def lrem(self, key: str, count: int, value: Value) -> int:
        found = self.lists.get(key, [])
        places = [place for place, one in enumerate(found) if one == value]
        if count:
            places = places[:count] if count > 0 else places[count:]
        for place in reversed(places):
            del found[place]
        return len(places)

    def ltrim(self, key: str, start: int, end: int) -> None:
        found = self.lists.get(key, [])
        found[:] = found[window(found, start, end)]

    def lmove(self, first_list: str, second_list: str, src: str, dest: str) -> Value | None:
        found = self.lists.get(first_list)
        if not found:
            return None
        value = found.pop(0 if src == "LEFT" else -1)
        other = self.lists.setdefault(second_list, [])
        other.insert(0 if dest == "LEFT" else len(other), value)
        return value

    def lrange(self, key: str, start: int, end: int) -> list[Value]:
        found = self.lists.get(key, [])
        return found[window(found, start, end)]

    # Sets.

    def sadd(self, key: str, *values: Value) -> int:
        found = self.sets.setdefault(key, set())
        before = len(found)
        found.update(values)
        return len(found) - before

    def srem(self, key: str, *values: Value) -> int:
        found = self.sets.get(key, set())
        before = len(found)
        found.difference_update(values)
        return before - len(found)

    def smove(self, src: str, dst: str, value: Value) -> bool:
        if value not in self.sets.get(src, ()):
            return False
        self.sets[src].discard(value)
        self.sadd(dst, value)
        return True

    def sunionstore(self, dest: str, keys: list[str]) -> int:
        return self._store(dest, set().union(*self._members(keys)))

    def sdiffstore(self, dest: str, keys: list[str]) -> int:
        first, *others = self._members(keys)
        return self._store(dest, first.difference(*others))

    def smembers(self, key: str) -> set[Value]:
        return set(self.sets.get(key, ()))

    def _members(self, keys: list[str]) -> list[set[Value]]:
        return [self.smembers(key) for key in keys]

    def _store(self, dest: str, members: set[Value]) -> int:
        self.sets[dest] = members
        return len(members)

    # Hashes.

    def hset(self, key: str, mapping: dict[str, Value]) -> int:
        found = self.hashes.setdefault(key, {})
        before = len(found)
        found.update(mapping)
        return len(found) - before

    def hsetnx(self, key: str, field: str, value: Value) -> bool:
        found = self.hashes.setdefault(key, {})
        is_new = field not in found
        found.setdefault(field, value)
        return is_new

    def hdel(self, key: str, *fields: str) -> int:
        found = self.hashes.get(key, {})
        return sum(found.pop(field, None) is not None for field in dict.fromkeys(fields))

    def hgetall(self, key: str) -> dict[str, Value]:
        return dict(self.hashes.get(key, {}))

    # Sorted sets: by score, then by the bytes that are stored.

    def zadd(self, key: str, mapping: dict[Value, float], **flags: bool) -> int:
        found = self.sorted.setdefault(key, {})
        added = changed = 0
        for member, score in mapping.items():
            if may_score(found.get(member), score, **flags):
                added += member not in found
                changed += found.get(member, score) != score
                found[member] = score
        return added + changed if flags.get("ch") else added

    def zincrby(self, key: str, amount: float, value: Value) -> float:
        found = self.sorted.setdefault(key, {})
        found[value] = found.get(value, 0) + amount
        return found[value]

    def zrem(self, key: str, *values: Value) -> int:
        found = self.sorted.get(key, {})
        return sum(found.pop(value, None) is not None for value in dict.fromkeys(values))

    def zpopmin(self, key: str, count: int) -> list[tuple[Value, float]]:
        return self._taken(key, self.ranked(key)[:count])

    def zremrangebyrank(self, key: str, min: int, max: int) -> int:
        found = self.ranked(key)
        return len(self._taken(key, found[window(found, min, max)]))

    def zunionstore(self, dest: str, keys: list[str]) -> int:
        total: dict[Value, float] = {}
        for key in keys:
            for member, score in self.sorted.get(key, {}).items():
                total[member] = total.get(member, 0) + score
        self.sorted[dest] = total
        return len(total)

    def ranked(self, key: str) -> list[tuple[Value, float]]:
        found = self.sorted.get(key, {})
        return sorted(found.items(), key=lambda one: (one[1], str(one[0]).encode()))

    def _taken(self, key: str, members: list[tuple[Value, float]]) -> list[tuple[Value, float]]:
        for member, _score in members:
            del self.sorted[key][member]
        return members


def window(found: list[Any], start: int, end: int) -> slice:
    """Return the places from `start` to `end`, both included, of which -1 is the last."""
    first, last = (number if number >= 0 else number + len(found) for number in (start, end))
    return slice(max(first, 0), max(last + 1, 0))


def may_score(
    old: float | None,
    new: float,
    nx: bool = False,
    xx: bool = False,
    gt: bool = False,
    lt: bool = False,
    ch: bool = False,
) -> bool:
    if old is None:
        return not xx
    return not nx and not (gt and new <= old) and not (lt and new >= old)


Operation = tuple[str, tuple[Any, ...], dict[str, Any]]

values = st.sampled_from([0, 1, -7, 2**62, "", "a", "1", "é"])
some_values = st.lists(values, min_size=1, max_size=4)
members = st.integers(0, 5)
scores = st.integers(-4, 4).map(lambda number: number / 2)
fields = st.sampled_from(["x", "y", "z"])
counts = st.integers(1, 3)
places = st.integers(-4, 4)
ends = st.sampled_from(["LEFT", "RIGHT"])
flags = st.sampled_from([(), ("nx",), ("xx",), ("gt",), ("lt",), ("xx", "gt"), ("xx", "lt")])


def keys(kind: str) -> Any:
    return st.sampled_from([f"{kind}{number}" for number in range(3)])


lists, sets, hashes, zsets = map(keys, ("list", "set", "hash", "zset"))


def call(name: str, *arguments: Any, splat: Any = None, **named: Any) -> Any:
    """Return calls of a command with these arguments, and those of a list at the end."""
    more = st.just([]) if splat is None else splat
    return st.tuples(
        st.just(name),
        st.tuples(st.tuples(*arguments), more).map(lambda both: (*both[0], *both[1])),
        st.fixed_dictionaries(named),
    )


def flagged(chosen: tuple[str, ...], ch: bool) -> dict[str, bool]:
    return {**dict.fromkeys(chosen, True), **({"ch": True} if ch else {})}


operations: Any = st.one_of(
    call("rpush", lists, splat=some_values),
    call("lpush", lists, splat=some_values),
    call("lpop", lists, counts),
    call("rpop", lists, counts),
    call("lrem", lists, st.integers(-2, 2), values),
    call("ltrim", lists, places, places),
    call("lmove", lists, lists, ends, ends),
    call("lrange", lists, places, places),
    call("sadd", sets, splat=some_values),
    call("srem", sets, splat=some_values),
    call("smove", sets, sets, values),
    call("sunionstore", sets, st.lists(sets, min_size=1, max_size=3)),
    call("sdiffstore", sets, st.lists(sets, min_size=1, max_size=3)),
    call("hset", hashes, mapping=st.dictionaries(fields, values, min_size=1)),
    call("hsetnx", hashes, fields, values),
    call("hdel", hashes, splat=st.lists(fields, min_size=1)),
    st.tuples(
        st.just("zadd"),
        st.tuples(zsets, st.dictionaries(members, scores, min_size=1, max_size=4)),
        st.builds(flagged, flags, st.booleans()),
    ),
    call("zincrby", zsets, scores, members),
    call("zrem", zsets, splat=st.lists(members, min_size=1)),
    call("zpopmin", zsets, counts),
    call("zremrangebyrank", zsets, places, places),
    call("zunionstore", zsets, st.lists(zsets, min_size=1, max_size=3)),
)


@pytest.fixture(scope="module")
def cache(valkey_process: Server) -> ServerCache:
    return cache_on(valkey_process, "valkey")


def left(cache: ServerCache) -> list[Any]:
    """Return what is in every collection."""
    pipe = cache.pipeline()
    for number in range(3):
        pipe.lrange(f"list{number}", 0, -1).smembers(f"set{number}").hgetall(f"hash{number}")
        pipe.zrange(f"zset{number}", 0, -1, withscores=True)
    return pipe.execute()


def modelled(model: Model) -> list[Any]:
    return [
        found
        for number in range(3)
        for found in (
            model.lists.get(f"list{number}", []),
            model.smembers(f"set{number}"),
            model.hgetall(f"hash{number}"),
            model.ranked(f"zset{number}"),
        )
    ]


def compare(cache: ServerCache, sequence: list[Operation]) -> None:
    """Run `sequence` in one pipeline, which shows each result; compare what it leaves, too."""
    emptied(cache)
    model, pipe, expected = Model(), cache.pipeline(), []
    for name, args, kwargs in sequence:
        getattr(pipe, name)(*args, **kwargs)
        expected.append(getattr(model, name)(*args, **kwargs))
        model.tidy()
    assert pipe.execute() == expected
    assert left(cache) == modelled(model)


quickly = settings(
    deadline=None,
    database=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("examples", [40, pytest.param(2_000, marks=pytest.mark.slow)])
def test_a_sequence_leaves_what_the_model_says(cache: ServerCache, examples: int) -> None:
    @settings(parent=quickly, max_examples=examples)
    @given(st.lists(operations, min_size=30, max_size=60))
    def run(sequence: list[Operation]) -> None:
        compare(cache, sequence)

    run()


@pytest.mark.slow
@settings(parent=quickly, max_examples=200)
@given(sequence=st.lists(operations, min_size=30, max_size=60))
def test_so_do_they_one_by_one_on_an_event_loop(
    cache: ServerCache, sequence: list[Operation]
) -> None:
    emptied(cache)
    model = Model()

    async def main() -> None:
        for name, args, kwargs in sequence:
            result = await getattr(cache, f"a{name}")(*args, **kwargs)
            assert result == getattr(model, name)(*args, **kwargs)
            model.tidy()

    run(main())
    assert left(cache) == modelled(model)
