from __future__ import annotations

import traceback

import pytest

from django_cachex.inspectors.masking import mask, secrets_in


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("redis://10.0.0.1:6379/0", "redis://10.0.0.1:6379/0"),
        ("redis://user:pw@host:6379/0", "redis://user:•••@host:6379/0"),
        ("redis://:pw@host/0", "redis://:•••@host/0"),
        ("rediss://user@host/0", "rediss://user@host/0"),
        ("VALKEYS://U:PW@host", "VALKEYS://U:•••@host"),
        ("redis+sentinel://:pw@host", "redis+sentinel://:•••@host"),
        ("unix://user:pw@/run/v.sock?db=1", "unix://user:•••@/run/v.sock?db=1"),
        ("unix:///run/v.sock?db=1&password=pw", "unix:///run/v.sock?db=1&password=•••"),
        ("unix:///run/v.sock?password=pw&db=1", "unix:///run/v.sock?password=•••&db=1"),
        ("rediss://host?ssl_password=pw", "rediss://host?ssl_password=•••"),
        ("redis://[::1]:6379/0", "redis://[::1]:6379/0"),
        ("redis://u:pw@[::1]:6379/0", "redis://u:•••@[::1]:6379/0"),
        ("redis://:a@one;redis://:b@two", "redis://:•••@one;redis://:•••@two"),
        ("redis://:a@one,valkey://:b@two", "redis://:•••@one,valkey://:•••@two"),
        ("redis://:a@one, redis://:b@two", "redis://:•••@one, redis://:•••@two"),
        ("Error 111 at 'redis://:pw@h:1': refused", "Error 111 at 'redis://:•••@h:1': refused"),
        ("unique-snowflake", "unique-snowflake"),
        ("", ""),
    ],
)
def test_mask_takes_passwords_out_of_urls(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize(
    "password", ["p@ss", "p/ss", "p:ss", "p?ss", "p#ss", "p'ss", "p;ss,w", "é"]
)
def test_mask_takes_out_a_password_that_is_not_quoted(password: str) -> None:
    masked = mask(f"redis://user:{password}@host:6379/0")

    assert masked == "redis://user:•••@host:6379/0"


def test_mask_takes_out_secrets_wherever_they_stand() -> None:
    secrets = secrets_in({"LOCATION": "redis://:s3cr%2Ft@host", "OPTIONS": {"password": "hunter2"}})

    masked = mask("AUTH s3cr/t failed, s3cr%2Ft too, {'password': 'hunter2'}", secrets)

    assert masked == "AUTH ••• failed, ••• too, {'password': '•••'}"


def test_mask_takes_out_the_repr_of_a_secret() -> None:
    secret = "back\\slash\n'quote"

    assert "slash" not in mask(f"invalid password: {secret!r}", [secret])


def test_a_short_secret_is_replaced_only_where_it_stands_alone() -> None:
    assert mask("no password 'no' is known", ["no"]) == "••• password '•••' is known"


def test_the_longer_of_two_secrets_is_replaced_whole() -> None:
    assert mask("wrong: hunter22", ["hunter", "hunter22"]) == "wrong: •••"


def test_a_mask_is_not_read_as_a_pattern_or_template() -> None:
    assert mask("a.c abc \\1", ["a.cd", r"\1 "]) == "a.c abc \\1"


@pytest.mark.parametrize(
    "params",
    [
        {"LOCATION": "redis://:hunter2@host"},
        {"LOCATION": "redis://a;redis://:hunter2@host"},
        {"LOCATION": ["redis://a", "redis://u:hunter2@host"]},
        {"LOCATION": "unix:///s?password=hunter2"},
        {"OPTIONS": {"password": "hunter2"}},
        {"OPTIONS": {"password": b"hunter2"}},
        {"OPTIONS": {"CONNECTION_POOL_KWARGS": {"sentinel_password": "hunter2"}}},
        {"OPTIONS": {"sentinels": [{"ssl_password": "hunter2"}]}},
    ],
)
def test_secrets_are_found_wherever_a_configuration_holds_them(params: dict[str, object]) -> None:
    assert "hunter2" in secrets_in(params)


def test_a_configuration_without_passwords_has_no_secrets() -> None:
    params = {
        "BACKEND": "django_cachex.cache.ValkeyCache",
        "LOCATION": ["valkey://user@host:6379/0", "valkey://[::1]:6379/0"],
        "OPTIONS": {"db": 1, "password": None, "username": "user"},
    }

    assert secrets_in(params) == frozenset()


def test_the_fragments_of_a_url_that_does_not_parse_are_masked() -> None:
    from urllib.parse import urlsplit

    location = "redis://:hunter/two@host:6379/0"

    with pytest.raises(ValueError, match="Port could not be cast") as failure:
        _ = urlsplit(location).port

    text = "".join(traceback.format_exception_only(failure.value))
    assert "hunter" in text
    assert "hunter" not in mask(text, secrets_in({"LOCATION": location}))
