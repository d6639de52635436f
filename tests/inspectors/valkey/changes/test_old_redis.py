"""The oldest Redis: scripts cannot tell what is permitted, so several writes are a transaction."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import valkey

from django_cachex.inspectors import inspector_for
from django_cachex.inspectors.valkey.inspector import ServerInspector
from tests import servers
from tests.conftest import flush
from tests.inspectors.valkey.changes.every import BY_CHANCE, EVERY, prepare, state
from tests.inspectors.valkey.changes.subject import Subject


@pytest.fixture
def subjects(
    redis_62_process: servers.Server, valkey_server: servers.Server, settings: Any
) -> Iterator[list[Subject]]:
    """The same key on an old Redis and on a Valkey."""
    settings.CACHES = {**settings.CACHES}
    found = []
    for alias, server in (("old", flush(redis_62_process)), ("new", valkey_server)):
        settings.CACHES[alias] = {
            "BACKEND": "django_cachex.cache.RedisCache",
            "LOCATION": f"redis://{server.address}/0",
        }
        inspector = inspector_for(alias)
        assert isinstance(inspector, ServerInspector)
        found.append(Subject(inspector, valkey.Valkey(port=server.port)))
    yield found
    for subject in found:
        subject.raw.close()


def test_every_edit_does_the_same_on_an_old_redis(subjects: list[Subject]) -> None:
    for name, (holds, make) in EVERY.items():
        states = []
        for subject in subjects:
            prepare(subject, holds)
            before = subject.raw.pttl(subject.key)
            subject.done(make(subject))
            after = subject.raw.pttl(subject.key)
            states.append((state(subject), about(before, after)))
        if name not in BY_CHANCE:
            assert states[0] == states[1], name


def about(before: int, after: int) -> str:
    """Return in a word what became of a TTL: the old server tells no moments."""
    if after < 0:
        return "none"
    return "kept" if before - 5000 < after <= before else "changed"
