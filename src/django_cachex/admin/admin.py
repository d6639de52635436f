"""The two models in the admin: permissions, the sidebar, and the pages' URLs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import URLPattern, path

from django_cachex.admin.models import Cache, Key
from django_cachex.admin.views.add import AddPage
from django_cachex.admin.views.base import Page
from django_cachex.admin.views.bulk import MatchingPage
from django_cachex.admin.views.caches import CachesPage
from django_cachex.admin.views.delete import DeletePage
from django_cachex.admin.views.download import DownloadPage
from django_cachex.admin.views.flush import FlushingPage
from django_cachex.admin.views.history import CacheHistoryPage, KeyHistoryPage
from django_cachex.admin.views.info import InfoPage
from django_cachex.admin.views.key import KeyPage
from django_cachex.admin.views.keys import KeysPage
from django_cachex.admin.views.namespaces import NamespacesPage

if TYPE_CHECKING:
    CacheModelAdmin = admin.ModelAdmin[Cache]
    KeyModelAdmin = admin.ModelAdmin[Key]
else:
    CacheModelAdmin = KeyModelAdmin = admin.ModelAdmin


def page_url(site: admin.AdminSite, route: str, page: type[Page], name: str) -> URLPattern:
    """Return the URL pattern of a page that requires a login."""
    return path(route, site.admin_view(page.as_view(site=site)), name=f"django_cachex_{name}")


@admin.register(Cache)
class CacheAdmin(CacheModelAdmin):
    def get_urls(self) -> list[URLPattern]:
        site = self.admin_site
        return [
            page_url(site, "", CachesPage, "cache_changelist"),
            page_url(site, "flushing/", FlushingPage, "cache_flushing"),
            page_url(site, "<path:object_id>/history/", CacheHistoryPage, "cache_history"),
            page_url(site, "<path:object_id>/namespaces/", NamespacesPage, "cache_namespaces"),
            page_url(site, "<path:object_id>/change/", InfoPage, "cache_change"),
        ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Caches are added in settings.CACHES."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Caches are removed in settings.CACHES."""
        return False


@admin.register(Key)
class KeyAdmin(KeyModelAdmin):
    def get_urls(self) -> list[URLPattern]:
        site = self.admin_site
        return [
            page_url(site, "", KeysPage, "key_changelist"),
            page_url(site, "add/", AddPage, "key_add"),
            page_url(site, "matching/", MatchingPage, "key_matching"),
            page_url(site, "<path:object_id>/history/", KeyHistoryPage, "key_history"),
            page_url(site, "<path:object_id>/download/", DownloadPage, "key_download"),
            page_url(site, "<path:object_id>/delete/", DeletePage, "key_delete"),
            page_url(site, "<path:object_id>/change/", KeyPage, "key_change"),
        ]

    def get_model_perms(self, request: HttpRequest) -> dict[str, bool]:
        """Hide keys from the sidebar, except for users who may not view caches."""
        cache_admin = self.admin_site.get_model_admin(Cache)
        if cache_admin.has_view_permission(request):
            return {}
        return super().get_model_perms(request)
