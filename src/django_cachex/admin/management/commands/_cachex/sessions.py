"""The subcommand `sessions`: counts sessions, and finds or ends those of a user."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.admin.models import DELETION
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_cachex.admin import formatting, log_entries
from django_cachex.admin.management.commands._cachex.context import (
    EXIT_FAILED,
    EXIT_OK,
    CommandContext,
    command_failed,
    usage_error,
)
from django_cachex.admin.permissions import DELETE, VIEW_SESSIONS, KeyPolicies
from django_cachex.admin.sessions import mask_session_name, session_key_prefix
from django_cachex.admin.user_sessions import (
    SessionSearch,
    UserSession,
    can_end,
    end_session,
    find_sessions,
    find_users,
    format_ended,
    id_in_sessions,
    read_sessions,
    session_query,
)
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector


def manage_sessions(context: CommandContext) -> int:
    if session_key_prefix() is None:
        text = _("SESSION_ENGINE is %(engine)s, which doesn't use a cache in settings.CACHES.")
        raise command_failed(text % {"engine": settings.SESSION_ENGINE})
    if context["end"] and not context["of"]:
        raise usage_error(_("--end needs --of USER."))
    permission = DELETE if context["end"] else VIEW_SESSIONS
    inspector = context.inspector(settings.SESSION_CACHE_ALIAS, permission)
    context.require(inspector, "can_list")
    if not context["of"]:
        search = _search(context, inspector, SessionSearch())
        text = ngettext("%(count)s session", "%(count)s sessions", search.count)
        number = formatting.format_number(search.count)
        context.output.write_result(text % {"count": number}, {"sessions": search.count})
        return EXIT_OK if search.count else EXIT_FAILED
    user = _find_user(context["of"])
    return _end_all(context, inspector, user) if context["end"] else _list(context, inspector, user)


def _find_user(text: str) -> Any:
    users = find_users(text)
    if not users:
        raise command_failed(_('There is no user "%(name)s".') % {"name": text})
    if len(users) > 1:
        names = ", ".join(map(str, users))
        raise usage_error(_("Several users match: %(names)s.") % {"names": names})
    return users[0]


def _search(context: CommandContext, inspector: Inspector, search: SessionSearch) -> SessionSearch:
    """Continue a search until it is complete, or has found as many sessions as fit on a page."""
    query = session_query(inspector, KeyPolicies.of_cache(inspector).hidden_key_filter)
    try:
        while not (search.progress.complete or search.is_full):
            before = search.progress.token
            find = partial(find_sessions, search, inspector, query, limits().scan_budget)
            search = context.call(inspector, find)
            found = formatting.format_number(len(search.found))
            context.output.show_progress(search.progress, _("%(count)s found") % {"count": found})
            if search.progress.token == before:
                break
    finally:
        context.output.clear_progress()
    return search


def _list(context: CommandContext, inspector: Inspector, user: Any) -> int:
    user_id = id_in_sessions(user)
    search, total = SessionSearch(user_id), 0
    while True:
        search = _search(context, inspector, search)
        read = partial(read_sessions, inspector, search.found, user_id)
        sessions = context.call(inspector, read)
        for session in sessions:
            _write(context, inspector, session)
        total += len(sessions)
        if not search.is_full:
            break
        search = search.without_found()
    if not total:
        context.output.write_text(_("No session found."))
    return EXIT_OK if total else EXIT_FAILED


def _write(context: CommandContext, inspector: Inspector, session: UserSession) -> None:
    name = mask_session_name(inspector.display_key(session.stored))
    if context.output.as_json:
        fields = sorted(str(field) for field in session.fields)
        context.output.write_json(session=name, ttl=session.ttl, fields=fields)
    else:
        context.output.write_text(f"{name}  {formatting.format_ttl(session.ttl)}")


def _end_all(context: CommandContext, inspector: Inspector, user: Any) -> int:
    """End all sessions of a user, after a confirmation."""
    if not can_end(inspector):
        raise command_failed(_("Sessions can't be ended here, because this cache hides their IDs."))
    user_id, ended = id_in_sessions(user), 0
    search = _search(context, inspector, SessionSearch(user_id))
    if not search.found:
        raise command_failed(_("No session found."))
    if context["dry_run"]:
        count = formatting.format_number(len(search.found))
        text = _("Sessions found: %(count)s. Nothing was changed.") % {"count": count}
        context.output.write_result(text, {"would_change": len(search.found)})
        return EXIT_OK
    context.confirm(_('End all sessions of "%(user)s"?') % {"user": user})
    while search.found:
        ended += _end(context, inspector, search, user)
        if not search.is_full:
            break
        search = _search(context, inspector, search.without_found())
    context.output.write_result(format_ended(ended, str(user)), {"ended": ended})
    return EXIT_OK if ended else EXIT_FAILED


def _end(context: CommandContext, inspector: Inspector, search: SessionSearch, user: Any) -> int:
    """End the sessions that were found. Returns their number."""
    read = partial(read_sessions, inspector, search.found, search.user_id)
    policies = KeyPolicies.of_cache(inspector)
    ended = []
    for session in context.call(inspector, read):
        if policies.allows(DELETE, session.stored):
            context.call(inspector, partial(end_session, inspector, session.stored))
            ended.append(session.stored)
    if ended:
        message = partial(format_ended, len(ended), str(user))
        log_entries.record_keys(context.user_id, DELETION, inspector, ended, message)
    return len(ended)
