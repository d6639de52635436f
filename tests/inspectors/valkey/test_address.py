from __future__ import annotations

from typing import Any

import pytest

from django_cachex.inspectors.valkey.snippets import DatabaseAddress


@pytest.mark.parametrize(
    ("url", "options", "shown"),
    [
        ("redis://10.0.0.9:6379/0", {}, "redis://10.0.0.9/0"),
        ("redis://10.0.0.9", {}, "redis://10.0.0.9/0"),
        ("valkeys://user:pw@cache.example:6380/3", {}, "valkeys://cache.example:6380/3"),
        ("redis://:pw@h?db=2", {}, "redis://h/2"),
        ("redis://h/1?db=2", {"db": 3}, "redis://h/2"),
        ("redis://h/1", {"db": 3}, "redis://h/1"),
        ("redis://h", {"db": 3}, "redis://h/3"),
        ("redis://h/x", {"db": 3}, "redis://h/3"),
        ("redis://", {}, "redis://localhost/0"),
        ("redis://", {"host": "h", "port": "6380"}, "redis://h:6380/0"),
        ("redis://[2001:db8::1]:7000/1", {}, "redis://[2001:db8::1]:7000/1"),
        ("unix:///run/v%20k.sock?db=1&password=pw", {}, "unix:///run/v k.sock?db=1"),
        ("unix://user:pw@/run/v.sock", {"db": 2}, "unix:///run/v.sock?db=2"),
    ],
)
def test_an_address_is_read_as_the_drivers_read_it_and_shown_without_credentials(
    url: str, options: dict[str, Any], shown: str
) -> None:
    assert str(DatabaseAddress.of(url, options)) == shown


@pytest.mark.parametrize(
    "url",
    [
        "valkey://10.0.0.9",
        "redis://10.0.0.9:6379/0",
        "redis://u:pw@10.0.0.9?db=0",
        "rediss://10.0.0.9/0?ssl_cert_reqs=none",
    ],
)
def test_spellings_of_one_database_are_one_store(url: str) -> None:
    assert (
        DatabaseAddress.of(url, {}).store == DatabaseAddress.of("redis://10.0.0.9:6379/0", {}).store
    )


@pytest.mark.parametrize(
    "url",
    ["redis://10.0.0.9/1", "redis://10.0.0.9:6380/0", "redis://10.0.0.8/0", "unix:///10.0.0.9"],
)
def test_other_databases_are_other_stores(url: str) -> None:
    assert (
        DatabaseAddress.of(url, {}).store != DatabaseAddress.of("redis://10.0.0.9:6379/0", {}).store
    )


@pytest.mark.parametrize("url", ["redis://:hunter/2@h:6379/0", "redis://h?db=x", "redis://[h/0"])
def test_what_is_no_url_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(ValueError, match="not a valid server URL") as refused:
        DatabaseAddress.of(url, {})
    assert refused.value.__cause__ is None
    assert "hunter" not in str(refused.value)
