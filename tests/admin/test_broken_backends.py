"""Caches that can't be set up, and servers that speak something else, break nothing besides."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.cache import caches
from django.core.management import CommandError, call_command

from tests import servers
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import DJANGO_REDIS, Configure, valkey_params

PACKAGES = {"redis": "django_redis.cache.RedisCache", "valkey": "django_valkey.cache.ValkeyCache"}
BACKENDS = {
    "ours": ("django_cachex.cache.ValkeyCache", "valkey"),
    "django": (DJANGO_REDIS, "redis"),
    **{f"django-{name}": (path, name) for name, path in PACKAGES.items()},
}

# What the page of each cache says.
REASONS = {
    "missing": "nowhere",
    "client": "nowhere",
    "serializer": "nowhere",
    "timeout": "imeout",
    "url": "LOCATION",
    "pool": "nowhere",
}


@pytest.fixture
def broken(
    configure: Configure, valkey_server: servers.Server, memcached_process: servers.Server
) -> dict[str, str]:
    """Reasons by alias, beside the alias `fine`."""
    location = f"redis://{valkey_server.address}"
    package = {"BACKEND": PACKAGES["redis"], "LOCATION": location}
    others = {
        f"{name}-other": {"BACKEND": path, "LOCATION": f"{scheme}://{memcached_process.address}"}
        for name, (path, scheme) in BACKENDS.items()
    }
    configure(
        fine=valkey_params(valkey_server),
        missing={"BACKEND": "nowhere.cache.RedisCache"},
        client={**package, "OPTIONS": {"CLIENT_CLASS": "nowhere.Client"}},
        serializer={**package, "OPTIONS": {"SERIALIZER": "nowhere.Serializer"}},
        timeout={**package, "OPTIONS": {"SOCKET_TIMEOUT": "soon"}},
        url={**valkey_params(valkey_server), "LOCATION": "where it always was"},
        pool={"BACKEND": DJANGO_REDIS, "LOCATION": location, "OPTIONS": {"pool_class": "nowhere"}},
        **others,
    )
    caches["fine"].set("hello", "you", 1000)
    return {**REASONS, **dict.fromkeys(others, memcached_process.address)}


def test_the_index_shows_which_are_broken_and_the_others_work(
    admin: Browser, broken: dict[str, str]
) -> None:
    table = admin.open(addresses.caches()).table("Cache Name")
    assert table.row("Cache Name", "fine")["State"].startswith("up")
    assert table.row("Cache Name", "default")["State"].startswith("up")
    for alias in broken:
        assert table.row("Cache Name", alias)["State"].startswith("down"), alias
    assert admin.open(addresses.keys("fine")).column("Key") == ["hello"]


def test_every_page_of_a_broken_cache_says_why(admin: Browser, broken: dict[str, str]) -> None:
    for alias, reason in broken.items():
        for url in (
            addresses.keys(alias),
            addresses.info(alias),
            addresses.key(alias, "hello"),
            addresses.add(alias),
        ):
            page = admin.open(url)
            assert page.status in (200, 403, 404), url
            if url in (addresses.keys(alias), addresses.info(alias)):
                assert page.status == 200, url
                assert reason in page.text, url


def test_the_command_line_lists_them_and_refuses_to_work_on_them(broken: dict[str, str]) -> None:
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("cachex", "caches", "--json", stdout=out, stderr=StringIO())
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    is_up = {line["cache"]: line["up"] for line in lines}
    assert is_up["fine"]
    for alias in broken:
        assert not is_up[alias], alias
        with pytest.raises((CommandError, SystemExit)):
            call_command("cachex", "keys", alias, stdout=StringIO(), stderr=StringIO())
