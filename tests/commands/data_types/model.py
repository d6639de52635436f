"""What Python says that commands on lists, sets, hashes and sorted sets do."""

from __future__ import annotations

from typing import Any

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

    def lpushx(self, key: str, *values: Value) -> int:
        return self.lpush(key, *values) if key in self.lists else 0

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

    def linsert(self, key: str, where: str, refvalue: Value, value: Value) -> int:
        found = self.lists.get(key)
        if found is None:
            return 0
        if refvalue not in found:
            return -1
        found.insert(found.index(refvalue) + (where == "AFTER"), value)
        return len(found)

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

    def sinterstore(self, dest: str, keys: list[str]) -> int:
        return self._store(dest, set.intersection(*self._members(keys)))

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

    def zpopmax(self, key: str, count: int) -> list[tuple[Value, float]]:
        return self._taken(key, self.ranked(key)[::-1][:count])

    def zremrangebyrank(self, key: str, min: int, max: int) -> int:
        found = self.ranked(key)
        return len(self._taken(key, found[window(found, min, max)]))

    def zremrangebyscore(self, key: str, min: float, max: float) -> int:
        return len(self._taken(key, [one for one in self.ranked(key) if min <= one[1] <= max]))

    def zunionstore(self, dest: str, keys: list[str]) -> int:
        total: dict[Value, float] = {}
        for key in keys:
            for member, score in self.sorted.get(key, {}).items():
                total[member] = total.get(member, 0) + score
        self.sorted[dest] = total
        return len(total)

    def zdiffstore(self, dest: str, keys: list[str]) -> int:
        first, *others = [self.sorted.get(key, {}) for key in keys]
        left = {
            member: score
            for member, score in first.items()
            if not any(member in other for other in others)
        }
        self.sorted[dest] = left
        return len(left)

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
