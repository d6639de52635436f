"""Keeping the memory of large values."""

from __future__ import annotations

import ctypes

# From malloc.h of the GNU C library.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST_THRESHOLD = 32 * 2**20
MUCH = 2**29


def keep_freed_memory() -> None:
    """Let the C library keep what is freed; without that of GNU, do nothing.

    Else it gives a freed megabyte back to the kernel or keeps it, as the heap happens to lie, and
    the next costs page faults or none: one `get` takes 400 microseconds or 3,000.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGEST_THRESHOLD)
        mallopt(M_TRIM_THRESHOLD, MUCH)
