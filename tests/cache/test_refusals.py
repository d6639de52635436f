"""A cache whose settings are wrong: `manage.py check` tells, and whoever uses it is told."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest
from django.core.cache import caches
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from django_cachex.cache.connection.drivers import load_driver

URL = "redis://cache.example:1/0"


@pytest.mark.parametrize("backend", ["ValkeyCache", "RedisCache"])
@pytest.mark.parametrize(
    ("location", "options"),
    [
        (URL, {"SOCKET_TIMEOUT": 1}),
        (URL, {"zzzz": 1}),
        (f"{URL}?zzzz=1", {}),
        (URL, {"compressor": "zip"}),
        (URL, {"compressor": ("zlib", {"level": 99})}),
        (URL, {"pool_class": "nowhere.Pool"}),
        (URL, {"serializer": "nowhere.Serializer"}),
        (URL, {"serializer": object()}),
        (URL, {"max_connections": -1}),
        (URL, {"max_connections": "5"}),
        (URL, {"socket_timeout": 0}),
        (URL, {"socket_timeout": -1}),
        (URL, {"socket_timeout": "2"}),
        (URL, {"decode_responses": True}),
        (None, {}),
        ("", {}),
        ("cache.example:1", {}),
        ("http://cache.example", {}),
    ],
)
def test_wrong_settings_are_reported_before_they_are_used(
    backend: str, location: Any, options: Any
) -> None:
    path = f"django_cachex.cache.{backend}"
    params = {"BACKEND": path, "LOCATION": location, "OPTIONS": options}
    with override_settings(CACHES={"default": params}):
        found = [str(message.id) for message in run_checks()]
        assert [id for id in found if id.startswith("django_cachex.E1")]
        with pytest.raises(ImproperlyConfigured):
            caches["default"].get("key")
        with pytest.raises(ImproperlyConfigured):
            asyncio.run(caches["default"].aset("key", 1))


@pytest.mark.parametrize("driver", ["valkey", "redis"])
def test_a_missing_driver_is_reported_too(driver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, f"{driver}.connection", None)
    load_driver.cache_clear()
    params = {
        "BACKEND": f"django_cachex.cache.{driver.capitalize()}Cache",
        "LOCATION": f"{URL}?db=9",
    }
    with override_settings(CACHES={"default": params}):
        assert "django_cachex.E103" in [message.id for message in run_checks()]
        with pytest.raises(ImproperlyConfigured, match=f"pip install {driver}"):
            caches["default"].get("key")
