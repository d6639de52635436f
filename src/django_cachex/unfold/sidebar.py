"""Unfold's sidebar: our stylesheet, and callbacks for the items of a project."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.sites import all_sites
from django.http import HttpRequest
from django.templatetags.static import static

from django_cachex.admin.models import Cache
from django_cachex.admin.permissions import VIEW_CACHES, PermissionChecker


def stylesheet(request: HttpRequest) -> str:
    """Return the URL of the stylesheet for the icon and the badge, for `UNFOLD["STYLES"]`."""
    return static("django_cachex/skins/unfold.css")


def link_stylesheet() -> None:
    """Add our stylesheet to Unfold's default `STYLES`.

    Unfold reads the stylesheets of all its pages from this setting. A project that sets its own
    list replaces the default, and so decides for itself.
    """
    from unfold.settings import CONFIG_DEFAULTS

    defaults: dict[str, Any] = CONFIG_DEFAULTS
    if stylesheet not in defaults["STYLES"]:
        defaults["STYLES"].append(stylesheet)


def sees_caches(request: HttpRequest) -> bool:
    """Return whether the user may view the list of caches, for an item's "permission"."""
    checker = permission_checker(request)
    return checker is not None and checker.is_allowed(VIEW_CACHES)


def is_current(request: HttpRequest) -> bool:
    """Return whether the current page belongs to the cache admin, for an item's "active"."""
    match = request.resolver_match
    return match is not None and (match.url_name or "").startswith("django_cachex_")


def permission_checker(request: HttpRequest) -> PermissionChecker | None:
    """Return the permission checker of the page's admin site; None if no site lists the caches."""
    match = request.resolver_match
    namespaces = match.namespaces if match is not None else []
    sites = [site for site in (admin.site, *all_sites) if site.is_registered(Cache)]
    sites.sort(key=lambda site: site.name not in namespaces)
    return PermissionChecker(sites[0], request) if sites else None
