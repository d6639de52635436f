"""Deleting what matches, in bounded memory: SCAN and UNLINK in turns."""

from __future__ import annotations

from collections.abc import Callable

from django_cachex.commands.command import NOTHING_FOUND, Request, Steps, unread

COUNT = 1000
"""Keys that the server looks at in one turn; more would hold up its other clients."""


def sweep(
    pattern: bytes, holds: Callable[[bytes], bool] | None = None, count: int = COUNT
) -> Steps[int]:
    """Delete the keys that match `pattern` and of which `holds` is true; return how many.

    Keys stored meanwhile may stay. Each turn deletes one batch and asks for the next.
    """
    cursor, deleted = b"0", 0
    doomed: list[bytes] = []
    while True:
        scan = Request(
            ("SCAN", cursor, "MATCH", pattern, "COUNT", count), unread, absent=NOTHING_FOUND
        )
        if doomed:
            gone, (cursor, found) = yield [Request(("UNLINK", *doomed), int, absent=0), scan]
            deleted += gone
        else:
            [(cursor, found)] = yield [scan]
        doomed = [key for key in found if holds is None or holds(key)]
        if cursor == b"0":
            break
    if doomed:
        [gone] = yield [Request(("UNLINK", *doomed), int, absent=0)]
        deleted += gone
    return deleted
