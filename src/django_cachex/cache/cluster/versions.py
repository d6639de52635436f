"""Moving an entry to another slot, which no command does."""

from __future__ import annotations

from typing import Any

from django_cachex.commands.entries import set_request
from django_cachex.commands.request import Request, Steps, done, unread


def copied(source: bytes, target: bytes, key: Any, version: int) -> Steps[int]:
    """Store under `target` what is under `source`, with its expiry; return the new `version`.

    Raise ValueError where there is nothing. Who looks meanwhile may see both, never neither.
    """
    data, left = yield [
        Request(("GET", source), unread, idempotent=True),
        Request(("PTTL", source), int, idempotent=True, absent=-2),
    ]
    if data is None or left in (0, -2):
        raise ValueError(f"Key '{key}' not found")
    yield [set_request(target, data, None if left == -1 else left)]
    yield [Request(("UNLINK", source), done, idempotent=True)]
    return version
