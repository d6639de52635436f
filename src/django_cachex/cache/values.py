"""What the values of options must be, where a wrong one would fail only when it is used."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise

from django_cachex.cache.translation import gettext_lazy as _

Text = str | Promise

SHORTEST, LONGEST = 0.001, 365 * 86_400
"""Seconds of a timeout: what is less the kernel takes for none, what is much more it refuses."""


@dataclass(frozen=True)
class Value:
    """What the value of an option must be; None always will do."""

    is_right: Callable[[Any], bool]
    what: Text
    instead: Text
    id: str = "django_cachex.E116"


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_timeout(value: Any) -> bool:
    return is_number(value) and math.isfinite(value) and SHORTEST <= value <= LONGEST


def is_patience(value: Any) -> bool:
    return is_number(value) and 0 <= value <= LONGEST


def is_limit(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def is_whole(value: Any) -> bool:
    """Return whether this is a number, or its digits, as the query of a URL has them."""
    return str(value).isdecimal() and not isinstance(value, bool)


def is_text(value: Any) -> bool:
    return isinstance(value, str | bytes) or is_number(value)


def is_flag(value: Any) -> bool:
    return isinstance(value, bool | int)


def is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


def has(method: str) -> Callable[[Any], bool]:
    """Return what tells whether an object, and no class, has `method`."""
    return lambda value: not isinstance(value, type) and callable(getattr(value, method, None))


_timeout = Value(
    is_timeout,
    _("a number of seconds above zero, from 0.001 to a year"),
    _('Write "%(name)s": 2, or None to wait for ever.'),
    "django_cachex.E112",
)
_whole = Value(is_whole, _("a whole number"), _('Write "%(name)s" with a number.'))
_text = Value(is_text, _("a text"), _('Write "%(name)s" with a text in quotes.'))
_flag = Value(is_flag, _("True or False"), _('Write "%(name)s": True, or leave it out.'))
_function = Value(
    callable, _("a function"), _('Import the function, and write "%(name)s": function.')
)
_mapping = Value(is_mapping, _("a dict"), _('Write "%(name)s": {…}, or leave it out.'))

VALUES: Mapping[str, Value] = {
    **dict.fromkeys(["socket_timeout", "socket_connect_timeout"], _timeout),
    "timeout": Value(
        is_patience,
        _("a number of seconds, at most a year"),
        _('Write "%(name)s": 2, or None to wait for ever.'),
        "django_cachex.E112",
    ),
    "max_connections": Value(
        is_limit,
        _("a whole number above zero"),
        _("Leave it out, or write how many connections a process may have at most."),
        "django_cachex.E113",
    ),
    **dict.fromkeys(["db", "port"], _whole),
    **dict.fromkeys(
        ["username", "password", "host", "path", "client_name", "lib_name", "lib_version"], _text
    ),
    **dict.fromkeys(
        [
            *("ignore_exceptions", "ignore_counter_exceptions", "ignore_unreadable_values"),
            *("breaker", "read_replicas", "socket_keepalive"),
        ],
        _flag,
    ),
    **dict.fromkeys(["redis_connect_func", "valkey_connect_func"], _function),
    **dict.fromkeys(["socket_keepalive_options", "sentinel_kwargs"], _mapping),
    "credential_provider": Value(
        has("get_credentials"),
        _("an object with get_credentials()"),
        _('Import its class, and write "%(name)s": Provider().'),
    ),
    "retry": Value(
        has("call_with_retry"),
        _("a Retry of the driver"),
        _('Import its class, and write "%(name)s": Retry(…).'),
    ),
}
"""By the name of the option, those of ours and of the drivers."""


def shown(value: Any) -> str:
    """Return a number as it is written; of all else, which may be a secret, what it is."""
    return repr(value) if isinstance(value, int | float) else f"a {type(value).__name__}"
