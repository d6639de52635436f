"""What the options of django-redis and django-valkey are called here."""

from __future__ import annotations

from django_cachex.cache.translation import gettext as _

RENAMED = {
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


def equivalents() -> dict[str, str]:
    """Return, for each option of the two packages, what to write instead."""
    renamed = {
        old: _('Write "%(new)s" in its place, with the same value.') % {"new": new}
        for old, new in RENAMED.items()
    }
    return renamed | _of_classes() | _of_connections() | _of_values()


def _of_classes() -> dict[str, str]:
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


def _of_connections() -> dict[str, str]:
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


def _of_values() -> dict[str, str]:
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
