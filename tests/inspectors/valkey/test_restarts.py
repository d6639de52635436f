"""Pages of collections whose server starts again between one page and the next."""

from __future__ import annotations

from typing import Any

import pytest
import valkey

from django_cachex.inspectors import inspector_for
from django_cachex.inspectors.query import ElementPage
from tests import servers
from tests.inspectors.valkey.changes.subject import KEY, Subject
from tests.inspectors.valkey.conftest import BACKENDS
from tests.inspectors.valkey.test_windows import pages


@pytest.mark.parametrize("type", ["hash", "set", "zset"])
def test_elements_are_all_found_although_the_server_starts_again_in_between(
    type: str, settings: Any
) -> None:
    """Another run hashes by another seed: what a cursor has passed is elsewhere."""
    names, port = {f"name-{number}" for number in range(1200)}, servers.free_port()

    def filled(server: servers.Server) -> Subject:
        url = f"valkey://{server.address}/0"
        settings.CACHES = {"default": {"BACKEND": BACKENDS["valkey_server"][1], "LOCATION": url}}
        with valkey.Valkey(port=port) as raw:
            fill = {
                "hash": lambda: raw.hset(KEY, mapping=dict.fromkeys(names, "1")),
                "set": lambda: raw.sadd(KEY, *names),
                "zset": lambda: raw.zadd(KEY, dict.fromkeys(names, 1)),
            }
            fill[type]()
        return Subject(inspector_for("default"), None)

    match = "name-" if type == "zset" else ""
    with servers.valkey(port=port) as server:
        first = filled(server).elements(ElementPage(match=match))
        assert first.next
    seen = {row.id for row in first.rows}
    with servers.valkey(port=port) as server:
        others = pages(filled(server), ElementPage(match=match, at=first.next))
        seen |= {row.id for page in others for row in page.rows}
    assert len(seen) == len(names)
