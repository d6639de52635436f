"""Rules about the keys of a cache, in a sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import formatting
from django_cachex.admin.health.evidence import Evidence, NotApplicable, Owner, Part, Unknown
from django_cachex.admin.health.report import Finding, Rule, Severity
from django_cachex.admin.health.server_rules import NO_EVICTION, format_percent
from django_cachex.inspectors.info import Unit
from django_cachex.inspectors.namespaces import key_bytes
from django_cachex.inspectors.query import Scope
from django_cachex.inspectors.types import TTL_NONE, KeyInfo

NOTABLE_SHARE: Final = 0.05
SMALL_SHARE: Final = 0.01
"""The share of keys that are left behind from which they count."""

MAX_EXAMPLES: Final = 5
DOMINANT_SHARE: Final = 0.1
MIN_DOMINANT_BYTES: Final = 1_000_000
HUGE_COLLECTION: Final = 100_000
"""Elements. Deleting so many or reading all of them blocks a server for a noticeable time."""

MOST_VALUES: Final = 0.5


def format_part(part: Part) -> str:
    """Return a part of a sample in words, with what it stands for among all keys."""
    share, count = formatting.format_share(part.share), formatting.format_number(part.total)
    if part.population is None:
        return _("%(count)s of %(whole)s examined keys (%(share)s)") % {
            "count": count,
            "whole": formatting.format_number(part.whole),
            "share": share,
        }
    if part.is_estimate:
        return _("%(share)s of the keys (about %(count)s)") % {"share": share, "count": count}
    return _("%(share)s of the keys (%(count)s)") % {"share": share, "count": count}


def count_persistent(evidence: Evidence) -> Part:
    """Return which part of the cache's keys never expires."""
    known = [info.ttl for info in evidence.sample.infos if info.ttl is not None]
    return evidence.sample.part(known.count(TTL_NONE), len(known))


def find_keys_without_expiry(evidence: Evidence) -> Finding | None:
    """Keys never expire although the cache has a finite `TIMEOUT`."""
    timeout = evidence.inspector.default_ttl
    part = count_persistent(evidence)
    if timeout == TTL_NONE or part.share.value < NOTABLE_SHARE:
        return None
    policy = evidence.eviction_policy if "info" in evidence.inspector.health_facts else ""
    return Finding(
        Severity.CRITICAL if policy == NO_EVICTION else Severity.WARNING,
        _("%(part)s never expire, although TIMEOUT is %(timeout)s.")
        % {"part": format_part(part), "timeout": formatting.format_duration(timeout)},
        _(
            "They were stored with timeout=None or by other code. They stay until they "
            "are deleted or evicted, so the cache grows."
        ),
        _("Find the code that stores them, and set an expiry on the existing keys."),
        {"expires": "never"},
    )


def find_unevictable_keys(evidence: Evidence) -> Finding | None:
    """With a `volatile` policy, the server doesn't evict keys that never expire."""
    is_limited, policy = evidence.number("maxmemory") > 0, evidence.eviction_policy
    part = count_persistent(evidence)
    if not (is_limited and policy.startswith("volatile-")) or part.share.value < SMALL_SHARE:
        return None
    return Finding(
        Severity.WARNING,
        _("%(part)s never expire, and maxmemory-policy is %(policy)s.")
        % {"part": format_part(part), "policy": policy},
        _("They are never evicted. When they fill the memory, writes fail."),
        _("Set an expiry on these keys, or choose the policy allkeys-lru."),
        {"expires": "never"},
    )


def require_names(evidence: Evidence) -> None:
    """Raise `NotApplicable` if the store hides to which cache its keys belong."""
    if not evidence.inspector.has_key_names or Scope.VERSIONS not in evidence.inspector.scopes:
        raise NotApplicable


def find_old_versions(evidence: Evidence) -> Finding | None:
    """There are keys of this cache in versions that no cache of the site uses any more."""
    require_names(evidence)
    part = evidence.sample.owned_by(Owner.OLD_VERSION)
    if part.share.value < SMALL_SHARE:
        return None
    return Finding(
        Severity.WARNING,
        _("%(part)s in the store belong to versions of this cache other than %(version)s.")
        % {"part": format_part(part), "version": evidence.inspector.cache.version},
        _("Nothing reads them, unless your code passes their version. They take up memory."),
        _("Delete them, or let them expire."),
        {"scope": Scope.VERSIONS},
    )


def find_unowned_keys(evidence: Evidence) -> Finding | None:
    """The store has keys that no cache of the site owns."""
    require_names(evidence)
    if evidence.sample.scope is not Scope.STORE:
        raise Unknown(_("only superusers may see the keys of other applications"))
    part = evidence.sample.owned_by(Owner.NOBODY)
    if part.share.value < SMALL_SHARE:
        return None
    return Finding(
        Severity.WARNING,
        _("%(part)s in the store belong to no cache in CACHES.") % {"part": format_part(part)},
        _(
            "Either they are left over from another KEY_PREFIX, or another application "
            "uses the same database. In that case, flushing the database would delete "
            "its keys."
        ),
        _("Delete the keys that are left over, or give each application a database of its own."),
        {"scope": Scope.STORE},
    )


def find_unreadable_values(evidence: Evidence) -> Finding | None:
    """The serializer of the cache can't read values, for example after it was changed."""
    values = evidence.sample.values
    if values is None:
        raise NotApplicable
    if not values.unreadable:
        return None
    part = evidence.sample.part(len(values.unreadable), values.tried)
    return Finding(
        Severity.CRITICAL if part.share.value >= MOST_VALUES else Severity.WARNING,
        _("This cache can't read %(count)s of the %(tried)s values that were tried (%(share)s).")
        % {
            "count": formatting.format_number(part.count),
            "tried": formatting.format_number(part.whole),
            "share": formatting.format_share(part.share),
        },
        _("Until these keys expire, cache.get() fails or returns a wrong value."),
        _(
            "If you have changed the serializer, keep the old one as a second serializer "
            "for a while, or delete these keys. If other code stores them, give it a "
            "prefix of its own."
        ),
        keys=values.unreadable[:MAX_EXAMPLES],
    )


def find_dominant_keys(evidence: Evidence) -> Finding | None:
    """One value or collection takes up at least a tenth of the memory of the store."""
    sample = evidence.sample
    sizes = {info.key: size for info in sample.infos if (size := key_bytes(info)) is not None}
    total = find_total_bytes(evidence, sum(sizes.values()))
    least = max(MIN_DOMINANT_BYTES, DOMINANT_SHARE * total)
    keys = sorted((key for key in sizes if sizes[key] >= least), key=sizes.__getitem__)[::-1]
    if not keys:
        return None
    largest = sizes[keys[0]]
    return Finding(
        Severity.WARNING,
        _("The largest key takes up %(size)s, which is %(share)s of the memory.")
        % {
            "size": formatting.format_size(largest),
            "share": format_percent(min(1.0, largest / total)),
        },
        _("Reading, writing or deleting it takes long, and less memory is left for other keys."),
        _("Split it into several keys, compress it, or limit its length."),
        keys=keys[:MAX_EXAMPLES],
    )


def find_total_bytes(evidence: Evidence, sampled: int) -> int:
    """Return how much memory the store uses; for other backends, how much all keys do."""
    if "info" in evidence.inspector.health_facts:
        return max(1, evidence.number("used_memory"))
    if not evidence.sample.is_complete:
        raise Unknown(_("only some of the keys were examined"))
    return max(1, sampled)


def find_huge_collections(evidence: Evidence) -> Finding | None:
    """A list, set, hash, sorted set or stream has more than 100,000 elements."""
    if not evidence.inspector.can_type:
        raise NotApplicable
    huge = sorted(filter(is_huge, evidence.sample.infos), key=lambda info: -(info.size or 0))
    if not huge:
        return None
    return Finding(
        Severity.WARNING,
        _("Keys with more than %(most)s elements: %(count)s. The largest has %(length)s elements.")
        % {
            "most": formatting.format_number(HUGE_COLLECTION),
            "count": formatting.format_number(len(huge)),
            "length": formatting.format_number(huge[0].size or 0),
        },
        _("Commands that read a whole collection, such as HGETALL or SMEMBERS, block the server."),
        _("Trim collections when you add elements, or split them into several keys."),
        keys=list_keys(huge),
    )


def is_huge(info: KeyInfo) -> bool:
    return info.unit != Unit.BYTES and (info.size or 0) > HUGE_COLLECTION


def list_keys(infos: Sequence[KeyInfo]) -> list[bytes]:
    return [info.key for info in infos[:MAX_EXAMPLES]]


KEY_RULES: Final = (
    Rule("keys-without-expiry", gettext_lazy("Keys without expiry"), find_keys_without_expiry),
    Rule("unevictable-keys", gettext_lazy("Keys that are never evicted"), find_unevictable_keys),
    Rule("old-versions", gettext_lazy("Keys of old versions"), find_old_versions),
    Rule("unowned-keys", gettext_lazy("Keys that belong to no cache"), find_unowned_keys),
    Rule("unreadable-values", gettext_lazy("Values that can't be read"), find_unreadable_values),
    Rule("dominant-keys", gettext_lazy("One key takes up much of the memory"), find_dominant_keys),
    Rule("huge-collections", gettext_lazy("Huge collections"), find_huge_collections),
)
