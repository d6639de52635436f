"""Options of the drivers that have no effect here, and what to do about them."""

from __future__ import annotations

from django_cachex.cache.translation import gettext as _

RETRIES = frozenset({"retry", "retry_on_error", "retry_on_timeout"})
"""These reach the driver: they say how often it tries to connect."""

CLIENT_CACHE = frozenset(
    {"cache_allow_list", "cache_deny_list", "cache_enabled", "cache_factory", "cache_max_size"}
    | {"cache_policy", "cache_ttl", "client_cache"}
)
OF_CLIENTS = frozenset(
    {"event_dispatcher", "himport_registry", "legacy_responses", "maint_notifications_config"}
    | {"maint_notifications_pool_handler", "maintenance_notification_hash", "maintenance_state"}
    | {"orig_host_address", "orig_socket_connect_timeout", "orig_socket_timeout"}
    | {"oss_cluster_maint_notifications_handler"}
)
PACKING = frozenset({"command_packer", "encoder_class", "encoding", "encoding_errors"})
UNUSED = CLIENT_CACHE | OF_CLIENTS | PACKING | {"health_check_interval", "queue_class"}
UNUSED |= {"socket_read_size"}
"""What drivers are not told: some of it they would refuse, with this protocol."""


def effect(name: str) -> str:
    """Return how much effect the option `name`, one of the above, has, as a sentence."""
    if name in RETRIES:
        return _("“%(name)s” has an effect while connecting, and none on commands.") % {
            "name": name
        }
    return _("“%(name)s” has no effect.") % {"name": name}


def unused_option_hint(name: str) -> str:
    """Return what to do about the option `name`, which is one of the above."""
    if name in RETRIES:
        return _(
            "Leave it out, unless connecting is to be tried again. Where a connection breaks, "
            "commands that do no harm twice are sent again; nothing is after a timeout."
        )
    if name == "health_check_interval":
        return _(
            "Leave it out: a connection that has rested for a second is looked at before it is "
            "used again, and replaced if it is lost."
        )
    if name == "socket_read_size":
        return _("Leave it out: replies are read 64 kB at a time.")
    if name == "queue_class":
        return _("Leave it out: connections are kept by the cache itself.")
    if name in CLIENT_CACHE:
        return _("Leave it out: replies are not kept in the client.")
    if name in PACKING:
        return _(
            "Leave it out: commands are packed by the cache itself, text as UTF-8, and values go "
            "through the serializer."
        )
    return _("Leave it out: it is for the driver's own clients.")
