"""Cache backends that nobody but this project's tests knows."""

from __future__ import annotations

import time
from typing import Any, ClassVar

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache, InvalidCacheKey

from django_cachex.cache import ValkeyCache


class ShelfCache(BaseCache):
    """What a stranger might write: Django's contract over dicts by location."""

    shelves: ClassVar[dict[str, dict[str, tuple[Any, float | None]]]] = {}

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        self.location = location
        self.shelf = self.shelves.setdefault(location, {})

    def _live(self, made: str) -> bool:
        _value, expiry = self.shelf.get(made, (None, 0.0))
        return expiry is None or expiry > time.time()

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        made = self.make_and_validate_key(key, version=version)
        return self.shelf[made][0] if self._live(made) else default

    def set(
        self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        made = self.make_and_validate_key(key, version=version)
        self.shelf[made] = (value, self.get_backend_timeout(timeout))

    def add(
        self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        made = self.make_and_validate_key(key, version=version)
        if self._live(made):
            return False
        self.set(key, value, timeout, version)
        return True

    def delete(self, key: str, version: int | None = None) -> bool:
        made = self.make_and_validate_key(key, version=version)
        there = self._live(made)
        self.shelf.pop(made, None)
        return there


class ClearableShelfCache(ShelfCache):
    """The same, and it can be emptied."""

    def clear(self) -> None:
        self.shelf.clear()


class CountingCache(ShelfCache):
    """One that counts by itself."""

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        made = self.make_and_validate_key(key, version=version)
        value, expiry = self.shelf[made]
        self.shelf[made] = (value + delta, expiry)
        return int(value + delta)


class FailingCache(ShelfCache):
    """Every value has become unreadable."""

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        raise RuntimeError("the shelf has fallen")


class PickyCache(ShelfCache):
    """Takes short names only, as memcached does."""

    def validate_key(self, key: str) -> None:
        if len(key) > 250:
            raise InvalidCacheKey("the label does not fit the shelf")


class BloomyCache(ValkeyCache):
    """One whose server has a module."""
