"""The inspector of django-vcache, which needs Python 3.12."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import caches

from django_cachex.inspectors import Inspector, inspector_for
from django_cachex.inspectors.edits import AddValue, EditStatus, Incr, SetValue
from django_cachex.inspectors.valkey import VcacheInspector
from tests import servers
from tests.inspectors.contract import Inspect, listed
from tests.inspectors.test_valkey import ServerContract

pytest.importorskip("django_vcache")

BACKEND = "django_vcache.backend.ValkeyCache"

Configure = Callable[..., Inspector]


class TestVcache(ServerContract):
    @pytest.fixture
    def params(self, valkey_server: servers.Server) -> dict[str, Any]:
        return {"BACKEND": BACKEND, "LOCATION": f"valkey://{valkey_server.address}/0"}

    def test_reading_executes_nothing(self, inspect: Inspect) -> None:
        # MessagePack can't store anything to execute.
        super().test_reading_executes_nothing(inspect(OPTIONS={"SERIALIZER": "pickle"}))


@pytest.fixture
def configure(settings: Any, valkey_server: servers.Server) -> Iterator[Configure]:
    def configure(location: str = "", **options: Any) -> Inspector:
        location = location or f"valkey://{valkey_server.address}/0"
        settings.CACHES = {
            "default": {"BACKEND": BACKEND, "LOCATION": location, "OPTIONS": options}
        }
        return inspector_for("default")

    yield configure
    caches.close_all()


def edit_and_read(inspector: Inspector, before: Any, after: Any) -> Any:
    """Store a value with the backend, edit it with the inspector, and read it with the backend."""
    inspector.cache.set("key", before, 60)
    key_value = inspector.read(b":1:key")
    assert key_value is not None
    assert key_value.content is not None
    assert key_value.content.value == before
    assert key_value.content.editable, str(key_value.content.not_editable_reason)
    result = inspector.apply(b":1:key", SetValue(after, key_value.expected))
    assert result.status == EditStatus.DONE
    return inspector.cache.get("key")


@pytest.mark.parametrize("serializer", ["msgpack", "pickle"])
def test_values_are_read_and_edited_whatever_their_marker(
    configure: Configure, serializer: str
) -> None:
    inspector = configure(SERIALIZER=serializer)
    long = {"plan": "pro", "items": ["x" * 5000, 1, None]}
    assert edit_and_read(inspector, {"plan": "pro"}, long) == long
    assert edit_and_read(inspector, long, "short") == "short"
    assert edit_and_read(inspector, 7, 8) == 8
    assert inspector.apply(b":1:key", Incr(2)).status == EditStatus.DONE
    assert inspector.cache.get("key") == 10


def test_what_the_backend_takes_for_missing_is_shown_as_it_is_stored(configure: Configure) -> None:
    other = configure(SERIALIZER="pickle")
    other.cache.set("key", {"plan": "pro"})
    inspector = configure()
    assert inspector.cache.get("key") is None
    key_value = inspector.read(b":1:key")
    assert key_value is not None
    assert key_value.content is not None
    assert key_value.content.read_only_reason
    assert key_value.content.raw.startswith(b"p\x80")


def test_sentinel_and_clusters_are_followed(
    configure: Configure, cluster_of_valkeys: servers.Server
) -> None:
    with servers.sentinel(replicas=0, directives=["requirepass sentinels-own"]) as fleet:
        query = "?sentinel_password=sentinels-own"
        inspector = configure(f"sentinel://127.0.0.1:{fleet.sentinel.port}/{fleet.name}/1{query}")
        assert edit_and_read(inspector, "before", "after") == "after"
        assert listed(inspector) == {b":1:key"}
        assert "sentinels-own" not in inspector.location
    inspector = configure(f"valkey://{cluster_of_valkeys.address}/0", CLUSTER_MODE=True)
    inspector.flush()
    names = {b":1:key:%d" % number for number in range(20)}
    for name in names:
        inspector.cache.set(name.decode().removeprefix(":1:"), 1, 60)
    assert listed(inspector) == names
    inspector.flush()


@pytest.mark.parametrize("scheme", ["valkey", "redis"])
def test_redis_py_will_do(
    configure: Configure,
    valkey_server: servers.Server,
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
) -> None:
    monkeypatch.setattr(VcacheInspector, "driver", "redis")
    inspector = configure(f"{scheme}://{valkey_server.address}/0")
    assert edit_and_read(inspector, "before", "after") == "after"


def test_passwords_are_used_and_not_shown(configure: Configure) -> None:
    with servers.valkey("--requirepass", "hunter2") as server:
        inspector = configure(f"redis://:hunter2@{server.address}/0")
        assert edit_and_read(inspector, "before", "after") == "after"
        sections = [inspector.configuration(), *inspector.info()]
        assert "hunter2" not in repr(sections) + inspector.location


def test_text_that_would_be_a_pickle_after_the_marker_is_refused(
    settings: Any, valkey_server: servers.Server
) -> None:
    place = f"valkey://{valkey_server.address}/0"
    settings.CACHES = {
        "text": {
            "BACKEND": "django_cachex.cache.ValkeyCache",
            "LOCATION": place,
            "OPTIONS": {"serializer": f"{__name__}.TextSerializer"},
        },
        "pickles": {
            "BACKEND": BACKEND,
            "LOCATION": place,
            "OPTIONS": {"SERIALIZER": "pickle"},
        },
    }
    text = inspector_for("text")
    program = "pcbuiltins\nprint\n(S'it ran'\ntR."
    assert text.apply(b":1:new", AddValue(program, 60_000)).status == EditStatus.REFUSED
    assert text.apply(b":1:new", AddValue(program[1:], 60_000)).status == EditStatus.DONE
    assert caches["pickles"].get("new") is None
    caches.close_all()


class TextSerializer:
    """A project's own: text is stored as it is."""

    def dumps(self, value: Any) -> bytes:
        return str(value).encode()

    def loads(self, data: bytes) -> str:
        return data.decode()
