"""What Django keeps in caches, on every class of cache that has several servers."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from django.core.cache import caches
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.views.decorators.cache import cache_page

from tests import servers
from tests.cache.conftest import url


@pytest.fixture(scope="module")
def cluster(cluster_of_valkeys: servers.Server) -> dict[str, Any]:
    return {"LOCATION": url(cluster_of_valkeys)}


@pytest.fixture(scope="module")
def sentinel() -> Iterator[dict[str, Any]]:
    with servers.sentinel(replicas=0) as fleet:
        options = {"sentinels": [("127.0.0.1", fleet.sentinel.port)], "read_replicas": False}
        yield {"LOCATION": "redis://mymaster/2", "OPTIONS": options}


@pytest.fixture(params=["ValkeyCluster", "RedisSentinel"])
def alias(request: pytest.FixtureRequest, settings: Any) -> str:
    """The alias of a cache of one class; `tests/django_suite --all` has sessions on each."""
    name = str(request.param)
    where = request.getfixturevalue("cluster" if "Cluster" in name else "sentinel")
    settings.CACHES = {"default": {"BACKEND": f"django_cachex.cache.{name}Cache", **where}}
    caches["default"].flush_db()
    return "default"


@pytest.mark.django_db
@pytest.mark.parametrize("engine", ["cache", "cached_db"])
def test_sessions_are_kept(alias: str, engine: str, settings: Any) -> None:
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    store = import_module(settings.SESSION_ENGINE).SessionStore
    session = store()
    session["cart"] = {"apples": 3}
    session.save()
    assert store(session.session_key)["cart"] == {"apples": 3}
    assert caches[alias].ttl(session.cache_key) > 1000
    before = session.session_key
    session.cycle_key()
    assert not store().exists(before)
    assert store(session.session_key)["cart"] == {"apples": 3}
    session.flush()
    assert caches[alias].keys() == []


def test_pages_are_kept(alias: str) -> None:
    made = []

    @cache_page(60)
    def view(request: HttpRequest) -> HttpResponse:
        made.append(request.path)
        return HttpResponse(f"page {len(made)}", headers={"Vary": "X-Kind"})

    ask = RequestFactory().get
    assert [view(ask("/a")).content for _ in range(3)] == [b"page 1"] * 3
    assert view(ask("/a", headers={"x-kind": "other"})).content == b"page 2"
    assert view(ask("/a", headers={"x-kind": "other"})).content == b"page 2"
    assert view(ask("/b")).content == b"page 3"
    caches[alias].clear()
    assert view(ask("/a")).content == b"page 4"
