"""Names of django-redis and django-valkey, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Never, NoReturn, TypedDict

from django_cachex.cache.utils import gettext as _


class RemovedMethod:
    """A name of theirs that there is not: whoever uses it is told what to write."""

    def __init__(self, advice: str) -> None:
        self._advice = advice
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, owner: object, kind: type | None = None) -> NoReturn:
        raise AttributeError(f"There is no {self._name} here. {self._advice}")


PIPELINE_HINT = (
    "For several commands in one round trip write: pipe = cache.pipeline(); pipe.set(key, value); "
    "pipe.execute()."
)
CLIENT_HINT = (
    "Write cache.eval_script(…) or the command itself, as in cache.hget(key, field); what has no "
    "method is sent by a client of the driver that the project makes for itself."
)


class UnsupportedCacheMethods:
    """What their caches have and ours do not."""

    get_lock = RemovedMethod("Write cache.lock(key, timeout=30).")
    aget_lock = RemovedMethod("Write cache.alock(key, timeout=30).")
    mget = RemovedMethod("Write cache.get_many(keys).")
    mset = RemovedMethod("Write cache.set_many(data).")
    make_pattern = RemovedMethod("Write cache.iter_keys(pattern) or cache.delete_pattern(pattern).")
    get_client_class = RemovedMethod(CLIENT_HINT)


class UnsupportedClientMethods:
    """What their clients have and ours do not: the driver's own client, mostly."""

    get_client = RemovedMethod(f"{PIPELINE_HINT} {CLIENT_HINT}")
    get_client_with_index = RemovedMethod(CLIENT_HINT)
    get_next_client_index = RemovedMethod(CLIENT_HINT)
    connect = RemovedMethod("Leave it out: connections are made when they are needed, and kept.")
    disconnect = RemovedMethod("Leave it out: connections are made when they are needed, and kept.")
    do_close_clients = RemovedMethod("Leave it out: connections are kept between requests.")


REMOVED_ARGUMENTS = {
    "client": f"{PIPELINE_HINT} {CLIENT_HINT}",
    "ignore_key_check": "Write cache.add(key, 0, timeout) before cache.incr(key).",
}


class UnsupportedKwargs(TypedDict, total=False):
    """Arguments of theirs, which type checkers refuse, and `refuse` at the call."""

    client: Never
    ignore_key_check: Never


def reject_kwargs(names: Iterable[str]) -> None:
    """Raise TypeError for an argument that ours do not take."""
    for name in names:
        raise TypeError(
            f"There is no argument “{name}” here. {REMOVED_ARGUMENTS.get(name, '')}".strip()
        )


RENAMED_OPTIONS = {
    "CONNECTION_POOL_CLASS": "pool_class",
    "DB": "db",
    "IGNORE_EXCEPTIONS": "ignore_exceptions",
    "PARSER_CLASS": "parser_class",
    "PARSER_CLS": "parser_class",
    "PASSWORD": "password",
    "SOCKET_CONNECT_TIMEOUT": "socket_connect_timeout",
    "SOCKET_TIMEOUT": "socket_timeout",
    "USERNAME": "username",
}


def get_option_hints() -> dict[str, str]:
    """Return, for each option of the two packages, what to write instead."""
    renamed = {
        old: _('Write "%(new)s" in its place, with the same value.') % {"new": new}
        for old, new in RENAMED_OPTIONS.items()
    }
    return renamed | _get_class_hints() | _get_connection_hints() | _get_value_hints()


def _get_class_hints() -> dict[str, str]:
    no_client = _(
        "Leave it out: no client of the driver is used. What it sets for connections, such as "
        '"socket_timeout", is written into OPTIONS itself.'
    )
    return {
        "BASE_CLIENT_CLASS": no_client,
        "BASE_CLIENT_KWARGS": no_client,
        "CLIENT_CLASS": _(
            "Leave it out. For Sentinel and Cluster there are backends: ValkeySentinelCache, "
            "RedisSentinelCache, ValkeyClusterCache and RedisClusterCache, all in "
            "django_cachex.cache. Sharding has no equivalent; herds are kept off by "
            '"stampede_protection": True.'
        ),
        "REDIS_CLIENT_CLASS": no_client,
        "REDIS_CLIENT_KWARGS": no_client,
    }


def _get_connection_hints() -> dict[str, str]:
    logged = _('Leave it out: what "ignore_exceptions" hides is always logged, once a minute.')
    sentinel = _(
        'Write "%(new)s" in its place, with the BACKEND '
        "django_cachex.cache.ValkeySentinelCache or RedisSentinelCache."
    )
    return {
        "CLOSE_CONNECTION": _(
            "Leave it out: connections are shared by all threads, and kept between requests."
        ),
        "CONNECTION_FACTORY": _(
            'Leave it out: connections are made by the driver. "pool_class" and '
            '"connection_class" choose its classes.'
        ),
        "CONNECTION_POOL_KWARGS": _(
            'Write what it holds into OPTIONS itself: "OPTIONS": {"max_connections": 100}.'
        ),
        "LOG_IGNORED_EXCEPTIONS": logged,
        "LOG_IGNORE_EXCEPTIONS": logged,
        "REPLICA_READ_ONLY": _("Leave it out: replicas are never written to."),
        "SENTINELS": sentinel % {"new": "sentinels"},
        "SENTINEL_KWARGS": sentinel % {"new": "sentinel_kwargs"},
    }


def _get_value_hints() -> dict[str, str]:
    return {
        "COMPRESSOR": _(
            'Write "compressor" with "zlib", "gzip", "lzma", "lz4" or "zstd" in its place: what is '
            "stored stays readable. For others, write the path of a class with recognises(data), "
            "compress(data) and decompress(data)."
        ),
        "PICKLE_VERSION": _(
            'Write "serializer": ("pickle", {"protocol": 4}) in its place, with the number of the '
            "protocol."
        ),
        "SERIALIZER": _(
            'Leave it out for pickle, write "serializer": "msgpack" for MessagePack, and for JSON '
            '"serializer": ("json", {"encoder": '
            '"django.core.serializers.json.DjangoJSONEncoder"}): what is stored stays readable. '
            "For others, write the path of a class with dumps(obj) and loads(data)."
        ),
    }
