"""The two models in the admin: permissions, the sidebar, and the pages' URLs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import URLPattern, path

from django_cachex.admin.models import Cache, Key
from django_cachex.admin.views.add import AddKeyView
from django_cachex.admin.views.base import BaseView
from django_cachex.admin.views.bulk import BulkActionView
from django_cachex.admin.views.caches import CachesView
from django_cachex.admin.views.delete import DeleteKeyView
from django_cachex.admin.views.download import DownloadView
from django_cachex.admin.views.flush import FlushView
from django_cachex.admin.views.fragments import FragmentsView
from django_cachex.admin.views.health import AllHealthView, HealthView
from django_cachex.admin.views.history import CacheHistoryView, KeyHistoryView
from django_cachex.admin.views.info import InfoView
from django_cachex.admin.views.key import KeyView
from django_cachex.admin.views.keys import KeysView
from django_cachex.admin.views.namespaces import NamespacesView
from django_cachex.admin.views.purge import PurgeAllView, PurgeView
from django_cachex.admin.views.sessions import SessionsView

if TYPE_CHECKING:
    CacheModelAdmin = admin.ModelAdmin[Cache]
    KeyModelAdmin = admin.ModelAdmin[Key]
else:
    CacheModelAdmin = KeyModelAdmin = admin.ModelAdmin


def make_url(site: admin.AdminSite, route: str, view: type[BaseView], name: str) -> URLPattern:
    """Return the URL pattern of a page that requires a login."""
    return path(route, site.admin_view(view.as_view(site=site)), name=f"django_cachex_{name}")


@admin.register(Cache)
class CacheAdmin(CacheModelAdmin):
    def get_urls(self) -> list[URLPattern]:
        site = self.admin_site
        return [
            make_url(site, "", CachesView, "cache_changelist"),
            make_url(site, "flushing/", FlushView, "cache_flushing"),
            make_url(site, "purge/", PurgeAllView, "cache_purge"),
            make_url(site, "health/", AllHealthView, "caches_health"),
            make_url(site, "<path:object_id>/health/", HealthView, "cache_health"),
            make_url(site, "sessions/", SessionsView, "cache_sessions"),
            make_url(site, "<path:object_id>/history/", CacheHistoryView, "cache_history"),
            make_url(site, "<path:object_id>/fragments/", FragmentsView, "cache_fragments"),
            make_url(site, "<path:object_id>/namespaces/", NamespacesView, "cache_namespaces"),
            make_url(site, "<path:object_id>/change/", InfoView, "cache_change"),
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
            make_url(site, "", KeysView, "key_changelist"),
            make_url(site, "add/", AddKeyView, "key_add"),
            make_url(site, "matching/", BulkActionView, "key_matching"),
            make_url(site, "purge/", PurgeView, "key_purge"),
            make_url(site, "<path:object_id>/history/", KeyHistoryView, "key_history"),
            make_url(site, "<path:object_id>/download/", DownloadView, "key_download"),
            make_url(site, "<path:object_id>/delete/", DeleteKeyView, "key_delete"),
            make_url(site, "<path:object_id>/change/", KeyView, "key_change"),
        ]

    def get_model_perms(self, request: HttpRequest) -> dict[str, bool]:
        """Hide keys from the sidebar, except for users who may not view caches."""
        cache_admin = self.admin_site.get_model_admin(Cache)
        if cache_admin.has_view_permission(request):
            return {}
        return super().get_model_perms(request)
