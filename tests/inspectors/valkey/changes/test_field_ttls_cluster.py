"""Fields that expire, in a cluster: edits go to the node that has the hash."""

from __future__ import annotations

from typing import Any

import pytest
import valkey

from django_cachex.inspectors import inspector_for
from django_cachex.inspectors.edits import ExpireField, RenameField, SetElement
from django_cachex.inspectors.valkey.inspector import ServerInspector
from tests import servers
from tests.inspectors.valkey.changes.subject import Subject
from tests.inspectors.valkey.changes.test_field_ttls import MOMENT

KEYS = [b":1:%d" % number for number in range(6)]
"""On several nodes."""


def moment(raw: Any, key: bytes, field: str) -> int:
    [found] = raw.execute_command("HPEXPIRETIME", key, "FIELDS", 1, field)
    return int(found)


def test_field_ttls_are_kept_in_a_cluster(settings: Any) -> None:
    program = servers.valkey_9_server()
    if program is None:
        pytest.skip("Valkey 9 is not here: .ci/valkey9 fetches it")
    with (
        servers.cluster(program=program) as nodes,
        valkey.ValkeyCluster(host="127.0.0.1", port=nodes[0].port) as raw,
    ):
        backend, location = "django_cachex.cache.ValkeyClusterCache", f"valkey://{nodes[0].address}"
        settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": location}}
        inspector = inspector_for("default")
        assert isinstance(inspector, ServerInspector)
        for key in KEYS:
            subject = Subject(inspector, raw, key)
            subject.fill("hash", ("a", "old"))
            raw.execute_command("HPEXPIREAT", key, MOMENT, "FIELDS", 1, "a")
            row = subject.row("a")
            assert inspector.read_element(key, "hash", row.id) is not None
            subject.done(SetElement(row.id, row.expected, "new", "hash"))
            assert moment(raw, key, "a") == MOMENT
            row = subject.row("a")
            subject.done(RenameField(row.id, row.expected, "b"))
            assert moment(raw, key, "b") == MOMENT
            row = subject.row("b")
            subject.done(ExpireField(row.id, row.expected, -1))
            assert moment(raw, key, "b") == -1
