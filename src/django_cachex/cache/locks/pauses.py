"""How long to wait between two tries."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator


def pauses(sleep: float, limit: float | None) -> Iterator[float]:
    """Yield seconds to wait, `sleep` at most, until they are `limit` in all, or more have passed.

    Where the clock stands still, as in tests that freeze it, the pauses alone count.
    """
    began, slept = time.monotonic(), 0.0
    while True:
        left = math.inf if limit is None else limit - max(time.monotonic() - began, slept)
        if left <= 0:
            return
        yield min(sleep, left)
        slept += min(sleep, left)
