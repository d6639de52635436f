"""Rules about Valkey and Redis servers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.utils import timezone
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import formatting
from django_cachex.admin.health.evidence import Evidence, NotApplicable, Owner, Unknown
from django_cachex.admin.health.report import Finding, Rule, Severity
from django_cachex.commands.server import SlowCommand
from django_cachex.commands.server_versions import find_end_of_life
from django_cachex.commands.text import one_line
from django_cachex.inspectors import inspector_for
from django_cachex.inspectors.namespaces import Estimate
from django_cachex.inspectors.valkey.info import DATABASE_FIELD, INFO_NUMBER
from django_cachex.inspectors.valkey.inspector import ServerInspector

NO_EVICTION: Final = "noeviction"
NEAR_LIMIT: Final = 0.9
"""The share of `maxmemory` at which memory is nearly full."""

FULL: Final = 0.98
MIN_EVICTED_KEYS: Final = 100
NOTABLE_EVICTIONS: Final = 0.1
"""The share of evictions among all keys that were removed because they expired or were evicted."""

MIN_READS: Final = 1000
LOW_HIT_RATE: Final = 0.5
HIGH_FRAGMENTATION: Final = 1.5
MIN_FRAGMENTED_BYTES: Final = 50_000_000
MAX_SLOW_COMMANDS: Final = 10
"""The number of slow commands in a day that is still normal."""

HIGH_LATENCY: Final = 0.01
"""Seconds. Servers in the same network answer in less than one millisecond."""

MAX_REPLICAS: Final = 100
"""The number of replicas that are looked at, whatever the server says."""

MAX_REPLICA_SECONDS: Final = 10
MAX_REPLICA_BYTES: Final = 10_000_000


def format_percent(share: float) -> str:
    return formatting.format_share(Estimate(share))


def find_missing_memory_limit(evidence: Evidence) -> Finding | None:
    """The server has no `maxmemory`, so a growing cache can take all the memory of its machine."""
    if evidence.number("maxmemory"):
        return None
    used = formatting.format_size(evidence.number("used_memory"))
    return Finding(
        Severity.WARNING,
        _("maxmemory isn't set. The server uses %(used)s of memory.") % {"used": used},
        _(
            "The cache can grow until the machine has no memory left. The operating "
            "system then stops the server or swaps its memory to disk."
        ),
        _("Set maxmemory, and a maxmemory-policy such as allkeys-lru."),
    )


def find_noeviction(evidence: Evidence) -> Finding | None:
    """The server has a `maxmemory` and the policy `noeviction`: writes fail once memory is full."""
    if not evidence.number("maxmemory") or evidence.eviction_policy != NO_EVICTION:
        return None
    return Finding(
        Severity.WARNING,
        _("maxmemory is %(limit)s, and maxmemory-policy is noeviction.")
        % {"limit": formatting.format_size(evidence.memory_limit)},
        _("When the memory is full, the server refuses to store anything."),
        _(
            "For a cache, set maxmemory-policy to allkeys-lru or allkeys-lfu. Keep noeviction if "
            "the server has data that must not be lost, such as sessions or queues."
        ),
    )


def find_full_memory(evidence: Evidence) -> Finding | None:
    """Memory use is close to `maxmemory`, and the policy doesn't let the server evict every key.

    With an `allkeys` policy, this is normal, and the rule about evictions applies.
    """
    limit, used = evidence.number("maxmemory"), evidence.number("used_memory")
    is_normal = evidence.eviction_policy.startswith("allkeys-")
    if not limit or is_normal or used < NEAR_LIMIT * limit:
        return None
    return Finding(
        Severity.CRITICAL if used >= FULL * limit else Severity.WARNING,
        _("%(share)s of maxmemory is used: %(used)s of %(limit)s.")
        % {
            "share": format_percent(used / limit),
            "used": formatting.format_size(used),
            "limit": formatting.format_size(limit),
        },
        _("With maxmemory-policy %(policy)s, writes fail if the server can't free memory.")
        % {"policy": evidence.eviction_policy},
        _("Raise maxmemory, store less, set shorter timeouts, or choose an allkeys policy."),
    )


def find_evictions(evidence: Evidence) -> Finding | None:
    """The server evicts many keys before they expire, because it has too little memory."""
    evicted, expired = evidence.number("evicted_keys"), evidence.number("expired_keys")
    if evicted < MIN_EVICTED_KEYS or evicted < NOTABLE_EVICTIONS * (evicted + expired):
        return None
    return Finding(
        Severity.WARNING,
        _("Since the server started, %(evicted)s keys were evicted and %(expired)s expired.")
        % {
            "evicted": formatting.format_number(evicted),
            "expired": formatting.format_number(expired),
        },
        _("Keys are removed before they expire, so the site has to compute their values again."),
        _("Raise maxmemory, store fewer or smaller values, or set shorter timeouts."),
    )


def find_low_hit_rate(evidence: Evidence) -> Finding | None:
    """Fewer than half of the reads find a key, so the cache may cost more than it saves."""
    hits, misses = evidence.number("keyspace_hits"), evidence.number("keyspace_misses")
    if hits + misses < MIN_READS or hits >= LOW_HIT_RATE * (hits + misses):
        return None
    return Finding(
        Severity.WARNING,
        _("Since the server started, %(rate)s of %(reads)s reads found a key.")
        % {
            "rate": format_percent(hits / (hits + misses)),
            "reads": formatting.format_number(hits + misses),
        },
        _("Most reads find nothing. The figures include all applications that use the server."),
        _(
            "Look for keys that are too specific to be read twice, for timeouts that are too "
            "short, and for evictions."
        ),
    )


def find_fragmentation(evidence: Evidence) -> Finding | None:
    """The server process takes up much more memory than its data."""
    ratio = evidence.decimal("mem_fragmentation_ratio")
    wasted = evidence.number("used_memory_rss") - evidence.number("used_memory")
    if ratio < HIGH_FRAGMENTATION or wasted < MIN_FRAGMENTED_BYTES:
        return None
    return Finding(
        Severity.WARNING,
        _("The fragmentation ratio is %(ratio)s: %(wasted)s of memory isn't used for data.")
        % {
            "ratio": formatting.format_number(ratio, 2),
            "wasted": formatting.format_size(wasted),
        },
        _("maxmemory doesn't include this memory, so the machine may run out of memory."),
        _("Set activedefrag to yes, or restart the server at a quiet time."),
    )


def find_slow_commands(evidence: Evidence) -> Finding | None:
    """More than 10 slow commands were logged in the last day."""
    log: list[SlowCommand] = evidence.fact("slow_log")
    since = timezone.now() - timedelta(days=1)
    recent = [one for one in log if one.at > since]
    if len(recent) <= MAX_SLOW_COMMANDS:
        return None
    slowest = max(recent, key=lambda one: one.microseconds)
    name = one_line(slowest.words[0].decode(errors="replace")) if slowest.words else ""
    count = formatting.format_number(len(recent))
    return Finding(
        Severity.WARNING,
        _(
            "%(count)s slow commands were logged in the last day. The slowest one, "
            "%(name)s, took %(duration)s."
        )
        % {
            "count": _("At least %(count)s") % {"count": count} if recent == list(log) else count,
            "name": name[:50],
            "duration": _("%(count)s ms")
            % {"count": formatting.format_number(slowest.microseconds / 1000, 1)},
        },
        _("While the server runs a slow command, all other clients wait."),
        _(
            "Run SLOWLOG GET to see the commands. The usual causes are large collections, KEYS, "
            "and Lua scripts."
        ),
    )


def find_latency(evidence: Evidence) -> Finding | None:
    """The server takes long to answer even a `PING`, so each use of the cache slows down a page."""
    latency: float = evidence.fact("latency")
    if latency < HIGH_LATENCY:
        return None
    return Finding(
        Severity.WARNING,
        _("The fastest of several PINGs took %(count)s ms.")
        % {"count": formatting.format_number(latency * 1000, 1)},
        _("A page that uses the cache twenty times waits for twenty such round trips."),
        _(
            "Run the server in the same network as the site, and use get_many, set_many "
            "and pipelines."
        ),
    )


@dataclass(frozen=True)
class Replica:
    """A replica, as its primary reports it in `INFO`."""

    address: str
    state: str
    lag: int
    """Seconds since the last acknowledgement."""

    missing: int
    """The number of bytes that it hasn't received yet."""

    @property
    def is_late(self) -> bool:
        return (
            self.state != "online"
            or self.lag > MAX_REPLICA_SECONDS
            or self.missing > MAX_REPLICA_BYTES
        )


def list_replicas(evidence: Evidence) -> Iterator[Replica]:
    """Yield the replicas of a primary, from fields such as `slave0:ip=…,port=…,lag=0`."""
    offset = evidence.number("master_repl_offset")
    for number in range(min(evidence.number("connected_slaves"), MAX_REPLICAS)):
        text = evidence.info.get(f"slave{number}", "")
        values = dict(part.split("=", 1) for part in text.split(",") if "=" in part)
        lag, received = (
            int(values[name]) if INFO_NUMBER.fullmatch(values.get(name, "")) else None
            for name in ("lag", "offset")
        )
        yield Replica(
            f"{values.get('ip', '')}:{values.get('port', '')}",
            values.get("state", "online"),
            lag or 0,
            0 if received is None else offset - received,
        )


def find_replica_lag(evidence: Evidence) -> Finding | None:
    """A replica lags behind its primary or isn't connected to it, so reads return old values."""
    if evidence.info.get("role") == "slave":
        is_lost = evidence.info.get("master_link_status") == "down"
        late = [_("this server, which isn't connected to its primary")] if is_lost else []
    else:
        late = [
            _("%(address)s (%(state)s, %(seconds)s s, %(size)s)")
            % {
                "address": one_line(one.address),
                "state": one_line(one.state),
                "seconds": formatting.format_number(one.lag),
                "size": formatting.format_size(max(0, one.missing)),
            }
            for one in list_replicas(evidence)
            if one.is_late
        ]
    if not late:
        return None
    return Finding(
        Severity.CRITICAL,
        _("Replicas that lag behind: %(replicas)s.") % {"replicas": get_text_list(late, _("and"))},
        _(
            "Reads from a replica return old values, and a failover loses writes that it "
            "hasn't received."
        ),
        _("Check the network, the load of the replica, and repl-backlog-size."),
    )


def find_end_of_life_version(evidence: Evidence) -> Finding | None:
    """The server's release no longer gets security fixes."""
    product = evidence.info.get("server_name", "redis")
    version = evidence.info.get(f"{product}_version", "")
    parts = version.split(".")
    if len(parts) < 2 or not all(map(INFO_NUMBER.fullmatch, parts[:2])):
        raise Unknown(_("the server doesn't report its version"))
    ended = find_end_of_life(product, (int(parts[0]), int(parts[1])))
    if ended is None or evidence.today < ended:
        return None
    return Finding(
        Severity.WARNING,
        _("%(product)s %(version)s has had no security fixes since %(date)s.")
        % {
            "product": product.capitalize(),
            "version": one_line(version),
            "date": ended.isoformat(),
        },
        _("Vulnerabilities that are found now aren't fixed."),
        _("Upgrade the server. Caches can usually be upgraded without moving their data."),
    )


def find_shared_pickles(evidence: Evidence) -> Finding | None:
    """A cache unpickles values from a server that other applications write to.

    Anyone who can store a pickle there can run code in the site.
    """
    inspector = evidence.inspector
    if not isinstance(inspector, ServerInspector):
        raise NotApplicable
    stored = inspector.value_format
    if "pickle" not in {stored.format, *stored.other_formats}:
        return None
    foreign_keys = evidence.sample.owned_by(Owner.NOBODY).count
    databases = sorted(find_foreign_databases(evidence))
    if not foreign_keys and not databases:
        return None
    signs = [
        *([_("keys that belong to no cache of this site")] if foreign_keys else []),
        *([_("keys in other databases (%(numbers)s)")] if databases else []),
    ]
    numbers = ", ".join(map(str, databases))
    return Finding(
        Severity.WARNING,
        _(
            "This cache unpickles its values, and other applications seem to use its "
            "server: there are %(signs)s."
        )
        % {"signs": get_text_list(signs, _("and")) % {"numbers": numbers}},
        _("Anyone who can write to the server can store a pickle that runs code in this site."),
        _(
            "Give the cache a server of its own, restrict the other applications by ACL "
            "to their own keys, or use the JSON serializer."
        ),
    )


def find_foreign_databases(evidence: Evidence) -> set[int]:
    """Return the databases of the server that have keys and that no cache of the site uses."""
    used = {
        one.database
        for one in map(inspector_for, settings.CACHES)
        if isinstance(one, ServerInspector)
    }
    present = {
        int(name[2:])
        for name, text in evidence.info.items()
        if DATABASE_FIELD.fullmatch(name) and not text.startswith("keys=0,")
    }
    return present - used


SERVER_RULES: Final = (
    Rule("no-maxmemory", gettext_lazy("No memory limit"), find_missing_memory_limit),
    Rule("noeviction", gettext_lazy("Writes fail when memory is full"), find_noeviction),
    Rule("memory-full", gettext_lazy("Memory is nearly full"), find_full_memory),
    Rule("evictions", gettext_lazy("Many keys are evicted"), find_evictions),
    Rule("low-hit-rate", gettext_lazy("Low hit rate"), find_low_hit_rate),
    Rule("fragmentation", gettext_lazy("Memory is fragmented"), find_fragmentation),
    Rule("slow-commands", gettext_lazy("Slow commands"), find_slow_commands),
    Rule("latency", gettext_lazy("The server answers slowly"), find_latency),
    Rule("replica-lag", gettext_lazy("Replicas lag behind"), find_replica_lag),
    Rule(
        "end-of-life", gettext_lazy("The server's release is unsupported"), find_end_of_life_version
    ),
    Rule("shared-pickles", gettext_lazy("Pickles on a shared server"), find_shared_pickles),
)
