"""Recognize the stored keys of an alias by their common prefix and length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django_cachex.inspectors.base import Inspector
from django_cachex.inspectors.keys import encode_text


@dataclass(frozen=True)
class KeyShape:
    """Stored keys with a common prefix and, if `KEY_FUNCTION` hashes names, a fixed length."""

    prefix: bytes
    length: int | None = None
    """The length in bytes, or None for any length."""

    def matches(self, stored: bytes) -> bool:
        return stored.startswith(self.prefix) and self.length in (None, len(stored))

    @classmethod
    def of(cls, inspector: Inspector, names: Sequence[str], prefix: str = "") -> KeyShape:
        """Return the shape of the stored keys for names with a given prefix.

        Args:
            inspector: the inspector of the alias.
            names: examples of names without the prefix.
            prefix: the common prefix of the names.
        """
        keys = [f"{prefix}{name}" for name in names]
        stored_keys = [inspector.final_key(inspector.make_key(key)) for key in keys]
        ends = [encode_text(name) for name in names]
        starts = {
            stored.removesuffix(end) if stored.endswith(end) else None
            for stored, end in zip(stored_keys, ends, strict=True)
        }
        if len(starts) == 1 and (start := starts.pop()) is not None:
            return cls(start)
        lengths = {len(stored) for stored in stored_keys}
        return cls(common_prefix(stored_keys), lengths.pop() if len(lengths) == 1 else None)


def common_prefix(keys: Sequence[bytes]) -> bytes:
    """Return the longest common prefix of some keys."""
    first, last = min(keys), max(keys)
    pairs = enumerate(zip(first, last, strict=False))
    return first[: next((index for index, (one, other) in pairs if one != other), len(first))]
