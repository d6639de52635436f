from __future__ import annotations

import traceback

import pytest

from django_cachex.inspectors.masking import find_secrets, mask


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
    secrets = find_secrets(
        {"LOCATION": "redis://:s3cr%2Ft@host", "OPTIONS": {"password": "hunter2"}}
    )
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


class Credentials:
    """What a driver asks for a name and a password."""

    def __init__(self, username: str, password: str) -> None:
        self.username = username
        self._password = password


SPACED = ("hunt er2", "hunt\u00a0er2", "hunt\u2028er2", "hunt\ter2", "hunt\r\ner2")


@pytest.mark.parametrize("password", [*SPACED, "hunter2", "hunt;er2,x", "hunt@er2", "hunt/er2"])
@pytest.mark.parametrize(
    "location",
    [
        "redis://user:{}@host:6379/0",
        "user:{}@host:6379",
        "//user:{}@host:6379/0",
        ":{}@host",
        "host:6379,user:{}@other:6379",
        "user:{}@host;redis://h2:6379",
        ["redis://host:6379", "user:{}@host"],
        ["redis://host", "redis://user:{}@host"],
        "redis://host;redis://:{}@host",
        "unix:///host?password={}",
    ],
)
def test_a_password_in_an_address_is_a_secret(location: str | list[str], password: str) -> None:
    if isinstance(location, str):
        place: object = location.format(password)
    else:
        place = [one.format(password) for one in location]
    secrets = find_secrets({"LOCATION": place})
    assert password in secrets
    assert "host" not in secrets
    assert "6379" not in secrets
    for told in (str(place), repr(place), f"cannot reach {place}: refused", f"WRONG {password!r}"):
        masked = mask(told, secrets)
        assert "er2" not in masked
        assert "host" in masked or "host" not in told


@pytest.mark.parametrize("password", [*SPACED[:3], "hunter2"])
@pytest.mark.parametrize(
    "text",
    [
        "host?password={}",
        "host:6379?db=1&ssl_password={}",
        "host=h password='{}' port=5",
        "Server=h;Password={};Port=5",
        'Server=h;Pwd="{}"',
        "h:6379,password={},ssl=True",
        "api_key={}",
        "host=h; access-key = {}; db=1",
        '{{"host": "h", "auth": "{}"}}',
    ],
)
def test_a_password_in_a_string_of_options_is_a_secret(text: str, password: str) -> None:
    told = text.format(password)
    secrets = find_secrets({"OPTIONS": {"connection": told}})
    assert password in secrets
    assert not {"h", "host", "6379", "5", "1"} & secrets
    assert "er2" not in mask(f"cannot reach {told}", secrets)


@pytest.mark.parametrize(
    "options",
    [
        {"password": "hunter2"},
        {"password": b"hunter2"},
        {"CONNECTION_POOL_KWARGS": {"sentinel_password": "hunter2"}},
        {"sentinels": [{"ssl_password": "hunter2"}]},
        {"api_key": "hunter2"},
        {"APIKEY": "hunter2"},
        {"secretAccessKey": b"hunter2"},
        {"access_key": ["hunter2"]},
        {"passwd": "hunter2"},
        {"pass": "hunter2"},
        {"passphrase": "hunter2"},
        {"auth": ("user", "hunter2")},
        {"auth": {"username": "user", "password": "hunter2"}},
        {"credentials": [{"name": "user", "secret": "hunter2"}]},
        {"headers": {"Authorization": "Bearer hunter2"}},
        {"credential_provider": Credentials("user", "hunter2")},
        {"nested": [({"deep": {"token": "hunter2"}},)]},
    ],
)
def test_a_secret_is_told_by_its_name(options: dict[str, object]) -> None:
    secrets = find_secrets({"OPTIONS": options})
    assert "hunter2" in secrets
    assert "user" not in secrets


@pytest.mark.parametrize(
    "told", ["hunt%20er2%2F", "hunt+er2%2F", "hunt%20er2%2f", "hunt er2/", "b'hunt er2/'"]
)
def test_a_secret_is_masked_however_it_is_spelled(told: str) -> None:
    secrets = find_secrets({"OPTIONS": {"password": "hunt er2/"}})
    assert "er2" not in mask(f"wrong: {told}", secrets)


@pytest.mark.parametrize(
    "location",
    [
        "redis://token-cache:6379/0",
        "secret-host:6379",
        "auth:11211;auth:11212",
        "/var/tmp/django_cache",
        "unique-snowflake",
        "user@host",
        "c:\\cache\\dir",
    ],
)
def test_hosts_ports_and_paths_are_no_secrets(location: str) -> None:
    assert find_secrets({"LOCATION": location}) == frozenset()


def test_a_configuration_without_passwords_has_no_secrets() -> None:
    params = {
        "BACKEND": "django_cachex.cache.ValkeyCache",
        "LOCATION": ["valkey://user@host:6379/0", "valkey://[::1]:6379/0"],
        "OPTIONS": {"db": 1, "password": None, "username": "user"},
    }
    assert find_secrets(params) == frozenset()


def test_the_fragments_of_a_url_that_does_not_parse_are_masked() -> None:
    from urllib.parse import urlsplit

    location = "redis://:hunter/two@host:6379/0"
    with pytest.raises(ValueError, match="Port could not be cast") as failure:
        _ = urlsplit(location).port
    text = "".join(traceback.format_exception_only(failure.value))
    assert "hunter" in text
    assert "hunter" not in mask(text, find_secrets({"LOCATION": location}))
