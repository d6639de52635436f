"""How the support level and the state of a cache are shown."""

from __future__ import annotations

from dataclasses import replace

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import formatting
from django_cachex.admin.components import Badge, Cell
from django_cachex.admin.deadline import CallResult
from django_cachex.admin.messages import short_error
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.base import Support
from django_cachex.inspectors.info import Status

SUPPORT_BADGES = {
    Support.CACHEX: Badge(
        "cachex", "strong", gettext_lazy("Full support: a django-cachex backend with all features.")
    ),
    Support.WRAPPED: Badge(
        "wrapped",
        "",
        gettext_lazy(
            "Wrapped support: another backend, with the features that the backend allows."
        ),
    ),
    Support.LIMITED: Badge(
        "limited",
        "warning",
        gettext_lazy(
            "Limited support: keys can't be listed, but you can open, add, edit and delete them by "
            "their exact names."
        ),
    ),
}


def make_support_badge(inspector: Inspector) -> Badge:
    """Return the support level of a cache, with its meaning and what would raise it."""
    badge = SUPPORT_BADGES[inspector.support]
    return replace(badge, hint=f"{badge.hint} {inspector.upgrade_hint}".strip())


def make_state_cell(inspector: Inspector, result: CallResult[Status]) -> Cell:
    """Return the state of a cache as a badge, with the reason if it is down."""
    if result.error is not None:
        return Cell(badge=Badge(_("down"), "bad"), lines=[short_error(inspector, result.error)])
    if result.value is None or not inspector.can_info:
        return Cell(badge=Badge(_("unknown"), hint=inspector.unsupported_reason("can_info")))
    latency = result.value.latency
    lines = [] if latency is None else [f"{formatting.format_number(latency * 1000, 1)} ms"]
    return Cell(badge=Badge(_("up"), "good"), lines=lines)
