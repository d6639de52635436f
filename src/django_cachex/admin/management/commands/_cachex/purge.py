"""The subcommand `purge`, which deletes the cached pages of URLs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from django.utils.translation import gettext as _

from django_cachex.admin import log_entries
from django_cachex.admin.forms.purge import PurgeForm, get_default_prefixes, join_prefixes
from django_cachex.admin.management.commands._cachex.context import (
    EXIT_FAILED,
    EXIT_OK,
    Change,
    CommandContext,
    command_failed,
    format_key_count,
    last,
    make_find,
    usage_error,
)
from django_cachex.admin.management.commands._cachex.read import to_seconds
from django_cachex.admin.permissions import DELETE, KeyPolicies, alias_allows, visible_aliases
from django_cachex.admin.purging import CachedPage, CacheSearch, PageSearch, get_known_hosts
from django_cachex.admin.views.delete import format_delete_result
from django_cachex.admin.views.purge import (
    describe_caching,
    describe_page,
    explain_prefix,
    format_found,
)
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector, inspector_for


def purge_urls(context: CommandContext) -> int:
    """Delete the cached pages of URLs; return the exit code."""
    alias = context["cache"]
    inspectors = [context.inspector(alias, DELETE)] if alias else list_searchable_caches()
    form = parse_options(context)
    search = form.search
    found = {one: find_pages(context, one, search) for one in inspectors}
    for inspector, keys in found.items():
        write_pages(context, inspector, search, keys)
    count = sum(map(len, found.values()))
    if not count:
        reason = describe_caching(form.targets[0].path, inspectors)
        context.output.write_error(f"{format_found(0)}. {reason}".strip())
    if not count or context["dry_run"]:
        return EXIT_OK
    question = _("Delete the cached pages of these addresses (%(count)s)?")
    context.confirm(question % {"count": format_key_count(count)})
    codes = [delete_pages(context, one, keys) for one, keys in found.items() if keys]
    return max(codes)


def list_searchable_caches() -> list[Inspector]:
    """Return the caches that can tell which keys they have, and that may be changed."""
    inspectors = map(inspector_for, visible_aliases())
    return [one for one in inspectors if one.can_list and alias_allows(DELETE, one)]


def parse_options(context: CommandContext) -> PurgeForm:
    """Return the form with the URLs and the hosts; raise CommandError if they are not valid."""
    form = PurgeForm(
        {
            "more": "\n".join(context["urls"]),
            "hosts": " ".join(context["host"] or get_known_hosts()),
            "prefixes": join_prefixes(context["prefix"] or get_default_prefixes()),
        },
        needs_prefixes=True,
    )
    if not form.is_valid():
        problems = [str(error) for errors in form.errors.values() for error in errors]
        raise usage_error(" ".join(problems))
    if form.prefix_targets:
        raise usage_error(explain_prefix(form.prefix_targets[0]))
    return form


def find_pages(
    context: CommandContext, inspector: Inspector, search: PageSearch
) -> list[CachedPage]:
    """Return the cached pages of some addresses, and their header lists."""
    one = CacheSearch.start_unlimited(inspector)
    find = make_find(inspector, search.query, DELETE)
    try:
        while not one.job.complete:
            before, deadline = one, time.monotonic() + limits().scan_budget
            one = context.call(inspector, partial(last, before.advance(search, find, deadline)))
            count = format_key_count(len(one.job.task.keys))
            context.output.show_progress(one.job.progress, count)
            if one.is_stuck_since(before):
                servers = ", ".join(one.job.progress.failed_nodes)
                raise command_failed(_("%(servers)s didn't answer.") % {"servers": servers})
    finally:
        context.output.clear_progress()
    policies = KeyPolicies.of_cache(inspector)
    return [page for page in one.pages if policies.allows(DELETE, page.stored)]


def write_pages(
    context: CommandContext, inspector: Inspector, search: PageSearch, pages: Sequence[CachedPage]
) -> None:
    """Write the variants that were found, unless the cache can't tell."""
    for page in pages if inspector.can_list else ():
        key = page.key
        if context.output.as_json:
            context.output.write_json(
                cache=inspector.alias,
                page=str(search.addresses[key.url_hash]),
                method=key.method,
                language=key.language,
                time_zone=key.time_zone,
                prefix=key.prefix,
                ttl=to_seconds(page.info.ttl),
            )
        elif key.method:
            context.output.write_text(f"{inspector.alias}: {describe_page(search, key)}")


def delete_pages(context: CommandContext, inspector: Inspector, pages: Sequence[CachedPage]) -> int:
    """Delete cached pages and record it; return the exit code."""
    keys = [page.stored for page in pages]
    record = partial(
        log_entries.record_keys, context.user_id, log_entries.DELETION, inspector, keys
    )
    if not inspector.can_list:  # Most of the keys may not exist.
        record = partial(log_entries.record_cache, context.user_id, inspector)
    requested = Change(record, partial(format_delete_result, len(keys), 0))
    result = context.call(inspector, lambda: inspector.delete_each(keys), requested)
    message = partial(format_delete_result, result.done, result.gone, len(result.failures))
    if result.done:
        record(message)
    values = {"changed": result.done, "gone": result.gone, "failed": len(result.failures)}
    context.output.write_result(
        f"{inspector.alias}: {message()}", {"cache": inspector.alias, **values}
    )
    return EXIT_FAILED if result.failures else EXIT_OK
