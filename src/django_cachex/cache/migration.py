"""Names of django-redis and django-valkey, and hints about what to use instead."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Never, NoReturn, TypedDict

from django.utils.translation.trans_null import gettext_noop as _  # The other needs settings.


class RemovedMethod:
    """A method of these packages that doesn't exist here. Its use raises an error with a hint."""

    def __init__(self, hint: str) -> None:
        self._hint = hint
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, owner: object, kind: type | None = None) -> NoReturn:
        raise AttributeError(f"There is no method {self._name}(). {self._hint}")


PIPELINE_HINT = (
    "To send several commands in one round trip, use: pipe = cache.pipeline(); "
    "pipe.set(key, value); pipe.execute()."
)
CLIENT_HINT = (
    "Use cache.eval_script(…) or the method of a command, such as cache.hget(key, field). For "
    "other commands, use cache.execute_command(name, …). For packages that need the driver's "
    "client, use cache.driver_client()."
)


class UnsupportedCacheMethods:
    """Methods of the caches of these packages that don't exist here."""

    get_lock = RemovedMethod("Use cache.lock(key, timeout=30).")
    aget_lock = RemovedMethod("Use cache.alock(key, timeout=30).")
    mget = RemovedMethod("Use cache.get_many(keys).")
    mset = RemovedMethod("Use cache.set_many(data).")
    make_pattern = RemovedMethod("Use cache.iter_keys(pattern) or cache.delete_pattern(pattern).")
    get_client_class = RemovedMethod(CLIENT_HINT)
    zrevrange = RemovedMethod("Use cache.zrange(key, start, end, desc=True).")
    zrangebyscore = RemovedMethod("Use cache.zrange(key, min, max, byscore=True).")
    zrevrangebyscore = RemovedMethod("Use cache.zrange(key, max, min, byscore=True, desc=True).")
    zrangebylex = RemovedMethod("Use cache.zrange(key, min, max, bylex=True).")
    zrevrangebylex = RemovedMethod("Use cache.zrange(key, max, min, bylex=True, desc=True).")
    rpoplpush = RemovedMethod('Use cache.lmove(src, dst, "RIGHT", "LEFT").')
    brpoplpush = RemovedMethod('Use cache.blmove(src, dst, timeout, "RIGHT", "LEFT").')


class UnsupportedClientMethods:
    """Methods of the clients of these packages that don't exist here."""

    get_client = RemovedMethod(f"{PIPELINE_HINT} {CLIENT_HINT}")
    get_client_with_index = RemovedMethod(CLIENT_HINT)
    get_next_client_index = RemovedMethod(CLIENT_HINT)
    connect = RemovedMethod("Remove it. Connections are opened when they are needed, and kept.")
    disconnect = RemovedMethod("Remove it. Connections are opened when they are needed, and kept.")
    do_close_clients = RemovedMethod("Remove it. Connections are kept between requests.")


REMOVED_ARGUMENTS = {
    "client": f"{PIPELINE_HINT} {CLIENT_HINT}",
    "ignore_key_check": "Use cache.add(key, 0, timeout) before cache.incr(key).",
}


class UnsupportedKwargs(TypedDict, total=False):
    """Arguments of these packages, which type checkers and `reject_kwargs` reject."""

    client: Never
    ignore_key_check: Never


def reject_kwargs(names: Iterable[str]) -> None:
    """Raise TypeError if there are any names of arguments."""
    for name in names:
        raise TypeError(f"There is no argument “{name}”. {REMOVED_ARGUMENTS.get(name, '')}".strip())


SHARED_OPTIONS = frozenset(
    {
        *("DB", "PARSER_CLASS", "PASSWORD", "SENTINELS", "SENTINEL_KWARGS"),
        *("SOCKET_CONNECT_TIMEOUT", "SOCKET_TIMEOUT", "USERNAME"),
    }
)
"""Options of these packages that mean the same here. The case of names doesn't matter."""

RENAMED_OPTIONS = {
    "CONNECTION_POOL_CLASS": "pool_class",
    "IGNORE_EXCEPTIONS": "ignore_exceptions",
    "PARSER_CLS": "parser_class",
}

OPTION_HINTS = {
    **dict.fromkeys(RENAMED_OPTIONS, _('Use "%(new)s" instead, with the same value.')),
    "IGNORE_EXCEPTIONS": _(
        'Use "%(new)s": "all" instead, which does the same. With True, errors of '
        "counters and errors that are not the server's fault are raised."
    ),
    **dict.fromkeys(
        ["BASE_CLIENT_CLASS", "BASE_CLIENT_KWARGS", "REDIS_CLIENT_CLASS", "REDIS_CLIENT_KWARGS"],
        _(
            "Remove it. The cache doesn't use the driver's client. Options of connections, such as "
            '"socket_timeout", belong directly in OPTIONS.'
        ),
    ),
    "CLIENT_CLASS": _(
        "Remove it. For Sentinel and clusters, use the backends ValkeySentinelCache, "
        "RedisSentinelCache, ValkeyClusterCache and RedisClusterCache in django_cachex.cache. "
        "There is no equivalent for sharding. Instead of the herd client, use "
        '"stampede_protection": True.'
    ),
    "CLOSE_CONNECTION": _(
        "Remove it. Connections are shared by all threads, and kept between requests."
    ),
    "COMPRESSOR": _(
        'Use "compressor" with "zlib", "gzip", "lzma", "lz4" or "zstd" instead; stored values '
        "remain readable. For others, use the path of a class with recognizes(data), "
        "compress(data) and decompress(data)."
    ),
    "CONNECTION_FACTORY": _(
        'Remove it. The driver creates the connections. Use "pool_class" and "connection_class" to '
        "choose its classes."
    ),
    "CONNECTION_POOL_KWARGS": _(
        'Move its contents directly to OPTIONS: "OPTIONS": {"max_connections": 100}.'
    ),
    **dict.fromkeys(
        ["LOG_IGNORED_EXCEPTIONS", "LOG_IGNORE_EXCEPTIONS"],
        _('Remove it. Errors that "ignore_exceptions" ignores are logged once a minute.'),
    ),
    "PICKLE_VERSION": _(
        'Use "serializer": ("pickle", {"protocol": 4}) instead, with the number of the protocol.'
    ),
    "REPLICA_READ_ONLY": _("Remove it. The cache never writes to replicas."),
    "SERIALIZER": _(
        'Remove it for pickle. Use "serializer": "msgpack" for MessagePack, and for JSON '
        '"serializer": ("json", {"encoder": "django.core.serializers.json.DjangoJSONEncoder"}); '
        "stored values remain readable. For others, use the path of a class with dumps(obj) and "
        "loads(data)."
    ),
}
"""What to use in place of other options of the two packages. `new` is the name of a renamed one."""


def is_their_option(name: str, value: Any) -> bool:
    """Return whether an option has the meaning that it has in these packages, and not here."""
    if name == "IGNORE_EXCEPTIONS":
        return value not in (False, "all")  # True ignores fewer errors here.
    if name in ("SERIALIZER", "COMPRESSOR"):
        return isinstance(value, str) and "." in value  # The path of a class.
    return name in OPTION_HINTS


SETTING_HINTS = {
    f"{prefix}_{name}": hint
    for name, hint in {
        "CLOSE_CONNECTION": _("Remove it. Connections are kept between requests."),
        "CONNECTION_FACTORY": _("Remove it. The driver creates the connections."),
        "IGNORE_EXCEPTIONS": _(
            'Use "ignore_exceptions": "all" in OPTIONS to treat errors as misses, as '
            "before. Without it, they are raised."
        ),
        **dict.fromkeys(
            ["LOGGER", "LOG_IGNORED_EXCEPTIONS"],
            _(
                'Remove it. Errors that "ignore_exceptions" ignores are always logged, by the '
                "logger django_cachex.cache."
            ),
        ),
        "SCAN_ITERSIZE": _(
            "Remove it. The default is 1000; iter_keys() and delete_pattern() have the argument "
            "itersize."
        ),
    }.items()
    for prefix in ("DJANGO_REDIS", "DJANGO_VALKEY")
} | {
    "CACHE_HERD_TIMEOUT": _(
        'Use "stampede_protection": {"early": 60} in OPTIONS, with the number of seconds.'
    ),
    "CACHE_COMPRESS_LEVEL": _('Use "compressor": ("zstd", {"level": 9}) in OPTIONS.'),
    "CACHE_COMPRESS_MIN_LENGTH": _('Use "compressor": ("zstd", {"min_size": 500}) in OPTIONS.'),
    **dict.fromkeys(
        [
            *("COMPRESS_BROTLI_LGBLOCK", "COMPRESS_BROTLI_LGWIN", "COMPRESS_BROTLI_MODE"),
            *("COMPRESS_LZMA_CHECK", "COMPRESS_LZMA_FILTERS", "COMPRESS_LZMA_FORMAT"),
            *("COMPRESS_ZLIB_WBITS", "COMPRESS_ZSTD_DICT", "COMPRESS_ZSTD_OPTIONS"),
            *("DECOMPRESS_LZMA_FILTERS", "DECOMPRESS_LZMA_FORMAT", "DECOMPRESS_LZMA_MEMLIMIT"),
            *("DECOMPRESS_ZSTD_DICT", "DECOMPRESS_ZSTD_OPTIONS"),
        ],
        _(
            "Use an option of the compressor, if there is one, such as "
            '"compressor": ("lzma", {"level": 9}).'
        ),
    ),
}
"""What to use in place of each setting of the two packages."""

REVERSE_KEY_FUNCTION_HINT = _(
    "Remove it. keys(), iter_keys() and delete_pattern() work with each KEY_FUNCTION that keeps "
    "the key at the end, and raise KeyFunctionNotSupported with others."
)


@dataclass(frozen=True)
class ClientSetting:
    """A setting of a package that takes the driver's client from a cache of django-redis."""

    name: str
    find_aliases: Callable[[Any], Iterator[Any]]
    """Yields the aliases that a value of the setting names."""
    hint: str


def find_queue_aliases(queues: Any) -> Iterator[Any]:
    for queue in queues.values() if isinstance(queues, Mapping) else ():
        yield from find_option_alias("USE_REDIS_CACHE", queue)


def find_option_alias(option: str, value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping) and option in value:
        yield value[option]


CLIENT_SETTINGS = (
    ClientSetting(
        "DEFENDER_REDIS_NAME",
        lambda alias: iter([alias]),
        _("Use DEFENDER_REDIS_URL instead, with the URL in the LOCATION of the cache."),
    ),
    ClientSetting(
        "RQ_QUEUES",
        find_queue_aliases,
        _('Use "URL" in place of "USE_REDIS_CACHE", with the URL in the LOCATION of the cache.'),
    ),
    ClientSetting(
        "Q_CLUSTER",
        partial(find_option_alias, "django_redis"),
        _('Use "redis" in place of "django_redis", with the URL in the LOCATION of the cache.'),
    ),
)


def get_reading_packages(setting: str) -> frozenset[str]:
    """Return the packages that read a setting in `SETTING_HINTS`."""
    if setting == "CACHE_HERD_TIMEOUT":
        return frozenset({"django_redis", "django_valkey"})
    return frozenset({"django_redis" if setting.startswith("DJANGO_REDIS") else "django_valkey"})
