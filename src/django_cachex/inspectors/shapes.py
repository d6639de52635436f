"""What the stored keys of an alias look like, told from how it makes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django_cachex.inspectors.base import Inspector
from django_cachex.inspectors.keys import encode_text


@dataclass(frozen=True)
class KeyPattern:
    """Stored keys that begin alike and, where a `KEY_FUNCTION` hashes names, are of one length."""

    prefix: bytes
    length: int | None = None
    """In bytes; None for any."""

    def matches(self, stored: bytes) -> bool:
        return stored.startswith(self.prefix) and self.length in (None, len(stored))

    @classmethod
    def of(cls, inspector: Inspector, names: Sequence[str], beginning: str = "") -> KeyPattern:
        """Return what an alias makes of names that begin so; `names` are what may follow."""
        keys = [f"{beginning}{name}" for name in names]
        made = [inspector.final_key(inspector.make_key(key)) for key in keys]
        ends = [encode_text(name) for name in names]
        starts = {
            stored.removesuffix(end) if stored.endswith(end) else None
            for stored, end in zip(made, ends, strict=True)
        }
        if len(starts) == 1 and (start := starts.pop()) is not None:
            return cls(start)
        lengths = {len(stored) for stored in made}
        return cls(common_prefix(made), lengths.pop() if len(lengths) == 1 else None)


def common_prefix(keys: Sequence[bytes]) -> bytes:
    """Return what all of some keys begin with."""
    first, last = min(keys), max(keys)
    pairs = enumerate(zip(first, last, strict=False))
    return first[: next((place for place, (one, other) in pairs if one != other), len(first))]
