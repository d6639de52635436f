"""What Unfold's sidebar needs of us: a stylesheet, and answers for items that a project writes."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.sites import all_sites
from django.http import HttpRequest
from django.templatetags.static import static

from django_cachex.admin.access import SEE_CACHES, Gate
from django_cachex.admin.models import Cache


def stylesheet(request: HttpRequest) -> str:
    """Return the URL of what the icon and the badge need, for UNFOLD["STYLES"]."""
    return static("django_cachex/skins/unfold.css")


def link_stylesheet() -> None:
    """Let every page of Unfold link our stylesheet, where a project does not set its own list.

    Unfold takes stylesheets for all its pages from this setting alone, and a project's list
    replaces the default: so this is in force exactly where nothing was decided.
    """
    from unfold.settings import CONFIG_DEFAULTS

    defaults: dict[str, Any] = CONFIG_DEFAULTS
    if stylesheet not in defaults["STYLES"]:
        defaults["STYLES"].append(stylesheet)


def sees_caches(request: HttpRequest) -> bool:
    """Return whether the person may see the list of caches, for an item's "permission"."""
    gate = gate_of(request)
    return gate is not None and gate.allowed(SEE_CACHES)


def is_current(request: HttpRequest) -> bool:
    """Return whether the page is one of the cache admin, for an item's "active"."""
    match = request.resolver_match
    return match is not None and (match.url_name or "").startswith("django_cachex_")


def gate_of(request: HttpRequest) -> Gate | None:
    """Return the gate of the admin site that a page belongs to; None if no site has the caches."""
    match = request.resolver_match
    here = match.namespaces if match is not None else []
    sites = [site for site in (admin.site, *all_sites) if site.is_registered(Cache)]
    sites.sort(key=lambda site: site.name not in here)
    return Gate(sites[0], request) if sites else None
