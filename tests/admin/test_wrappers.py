"""A stranger's wrapper, registered through the public call alone, shows its inner cache's keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import caches
from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache

from django_cachex.inspectors import inspector_for, register_wrapper, unregister
from django_cachex.inspectors.base import Support
from tests import servers
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import (
    DJANGO_REDIS,
    STRANGER,
    BrowserOf,
    Configure,
    locmem_params,
    stored_key,
    valkey_params,
)

FAILOVER = f"{__name__}.FailoverCache"


class FailoverCache(BaseCache):
    """A third party's: the first cache of LOCATION that answers."""

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        self.aliases = location.split(",")

    def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        *firsts, last = self.aliases
        for alias in firsts:
            try:
                return getattr(caches[alias], method)(*args, **kwargs)
            except ConnectionError:
                continue
        return getattr(caches[last], method)(*args, **kwargs)

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        return self.call("get", key, default, version=version)

    def set(
        self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        self.call("set", key, value, timeout, version=version)

    def add(
        self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> Any:
        return self.call("add", key, value, timeout, version=version)

    def delete(self, key: str, version: int | None = None) -> Any:
        return self.call("delete", key, version=version)


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    register_wrapper(FAILOVER, lambda cache, params: cache.aliases[0])  # type: ignore[attr-defined]
    yield
    unregister(FAILOVER)


def failover(*aliases: str) -> dict[str, Any]:
    return {"BACKEND": FAILOVER, "LOCATION": ",".join(aliases), "KEY_PREFIX": "unused"}


@pytest.fixture
def wrapped(valkey_server: servers.Server, configure: Configure) -> Any:
    """The cache object of alias `failover`, whose entries are in alias `main`."""
    configure(main=valkey_params(valkey_server), failover=failover("main", "default"))
    caches["failover"].set("hello", {"to": "you"}, 1000)
    return caches["failover"]


def test_keys_of_the_inner_cache_are_shown_and_changed(admin: Browser, wrapped: Any) -> None:
    row = admin.open(addresses.caches()).table("Cache Name").row("Cache Name", "failover")
    assert row["Backend"] == FAILOVER
    assert row["Support Level"].split()[0] == "wrapped"
    assert row["Location"].startswith("valkey://")
    assert row["Keys"] == "1"
    page = admin.open(addresses.keys("failover"))
    assert page.column("Key") == ["hello"]
    page = admin.click(page, "open", "hello")
    assert 'cache "main"' in page.text
    admin.submit(admin.submit(page, "edit"), "save", value='{"to": "them"}')
    assert wrapped.get("hello") == {"to": "them"}
    assert caches["main"].ttl("hello") > 900  # type: ignore[attr-defined]  # ours
    info = admin.open(addresses.info("failover"))
    assert FAILOVER in info.text
    assert "Memory" in info.sections


def test_sessions_stay_masked_behind_a_wrapper(
    browser_of: BrowserOf, wrapped: Any, settings: Any
) -> None:
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    session = "0123456789abcdefghijklmnopqrstuv"
    wrapped.set(f"django.contrib.sessions.cache{session}", {"secret": "basket"}, 1000)
    for alias in ("failover", "main"):
        settings.SESSION_CACHE_ALIAS = alias
        browser = browser_of("view_cache", "view_key", "change_key", "delete_key")
        page = browser.open(addresses.keys("failover"))
        assert "hello" in page.column("Key")
        assert session not in page.html
        key = addresses.key(
            "failover", stored_key("main", f"django.contrib.sessions.cache{session}")
        )
        assert "basket" not in browser.open(key).html


def test_a_policy_for_either_alias_holds_for_the_keys_of_both(
    admin: Browser, wrapped: Any, settings: Any
) -> None:
    stored = stored_key("main", "hello")
    for closed, other in (("main", "failover"), ("failover", "main")):
        settings.CACHEX_ADMIN = {"ALIASES": {closed: "hidden"}}
        assert addresses.object_id(other, stored) not in admin.open(addresses.keys(other)).html
        page = admin.open(addresses.key(other, stored))
        assert '"you"' not in page.text
        admin.post(addresses.delete(other, stored), {"confirmed": "1"})
        assert wrapped.get("hello") == {"to": "you"}


def test_wrappers_of_wrappers_and_of_any_backend_are_followed(
    valkey_server: servers.Server, configure: Configure, tmp_path: Any
) -> None:
    configure(
        local=locmem_params(KEY_PREFIX="p"),
        redis={"BACKEND": DJANGO_REDIS, "LOCATION": f"redis://{valkey_server.address}/1"},
        stranger={"BACKEND": STRANGER, "LOCATION": str(tmp_path)},
        **{f"over-{alias}": failover(alias) for alias in ("local", "redis", "stranger")},
        twice=failover("over-local"),
    )
    for alias, inner in [*((f"over-{one}", one) for one in ("local", "redis")), ("twice", "local")]:
        caches[alias].set("key", "value", 60)
        inspector = inspector_for(alias)
        stored = inspector.make_key("key")
        key_value = inspector.read(stored)
        assert key_value is not None
        assert key_value.content is not None
        assert key_value.content.value == "value"
        assert inspector.support is Support.WRAPPED
        assert inspector.configured_store_id == inspector_for(inner).configured_store_id
        assert inspector.fetch_store_ids() == inspector_for(inner).fetch_store_ids()
    assert inspector_for("over-stranger").support is Support.LIMITED


@pytest.mark.parametrize("inner", ["loop", "nowhere", "broken"])
def test_a_wrapper_that_leads_nowhere_is_broken_alone(
    admin: Browser, configure: Configure, inner: str
) -> None:
    configure(
        loop=failover("over"), broken={"BACKEND": "hunter2.nowhere.Cache"}, over=failover(inner)
    )
    table = admin.open(addresses.caches()).table("Cache Name")
    assert table.row("Cache Name", "over")["State"].startswith("down")
    assert table.row("Cache Name", "default")["State"].startswith("up")
    page = admin.open(addresses.keys("over"))
    assert page.status == 200
    assert (inner if inner != "loop" else "over, loop") in page.text
    assert "hunter2" not in page.text
