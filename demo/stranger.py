"""A third-party cache backend that django-cachex doesn't know."""

from __future__ import annotations

import json
import time
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache

# JSON text and expiry by key. It is global because each thread has its own NotebookCache.
_notes: dict[str, tuple[str, float | None]] = {}


class NotebookCache(BaseCache):
    """Store values as JSON in the memory of the process; keys cannot be listed."""

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def add(
        self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        if self.has_key(key, version):
            return False
        self.set(key, value, timeout, version)
        return True

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        text, expires = _notes.get(self.make_and_validate_key(key, version), (None, None))
        if text is None or (expires is not None and expires <= time.time()):
            return default
        return json.loads(text)

    def set(
        self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        entry = (json.dumps(value), self.get_backend_timeout(timeout))
        _notes[self.make_and_validate_key(key, version)] = entry

    def touch(self, key: str, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        if not self.has_key(key, version):
            return False
        stored_key = self.make_and_validate_key(key, version)
        _notes[stored_key] = (_notes[stored_key][0], self.get_backend_timeout(timeout))
        return True

    def delete(self, key: str, version: int | None = None) -> bool:
        return _notes.pop(self.make_and_validate_key(key, version), None) is not None

    def clear(self) -> None:
        _notes.clear()
