"""Two models without tables: what Django does with models does no harm here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin as django_admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.core.cache import caches
from django.core.management import call_command
from django.db import connection
from django.urls import clear_url_caches, path, set_urlconf

from django_cachex.admin.admin import CacheAdmin, KeyAdmin
from django_cachex.admin.models import Cache, Key
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import BrowserOf, Configure
from tests.admin.page import Page


def test_their_permissions_are_the_documented_ones() -> None:
    found = Permission.objects.filter(content_type__app_label="django_cachex")
    assert sorted(f"{one.content_type.model}: {one.codename}" for one in found) == [
        "cache: change_cache",
        "cache: view_cache",
        "key: add_key",
        "key: change_key",
        "key: delete_key",
        "key: view_key",
    ]


def test_they_have_no_tables() -> None:
    tables = connection.introspection.table_names()
    assert not [name for name in tables if "cachex" in name]


def test_migrations_find_nothing_to_do() -> None:
    out = StringIO()
    call_command("makemigrations", "--check", "--dry-run", stdout=out)
    assert "No changes detected" in out.getvalue()
    call_command("migrate", "--check", "--run-syncdb", stdout=out)


@pytest.mark.parametrize("options", [[], ["--all"], ["django_cachex"], ["django_cachex", "--all"]])
def test_dumpdata_passes_by(options: list[str]) -> None:
    out = StringIO()
    call_command("dumpdata", *options, stdout=out)
    models = {one["model"] for one in json.loads(out.getvalue() or "[]")}
    assert not {name for name in models if name.startswith("django_cachex.")}


@pytest.mark.django_db(transaction=True)
def test_the_flush_command_passes_by_and_leaves_caches_alone(configure: Configure) -> None:
    configure()
    caches["default"].set("a", 1)
    User.objects.create_user("someone")
    call_command("flush", interactive=False, verbosity=0)
    assert not User.objects.exists()
    assert caches["default"].get("a") == 1
    assert Permission.objects.filter(content_type__app_label="django_cachex").count() == 6


def test_queries_find_nothing_and_ask_nothing(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert list(Cache.objects.all()) == list(Key.objects.all()) == []
        assert Key.objects.filter(id="a").count() == 0
        assert not Cache.objects.filter(alias="default").exists()


def test_the_system_checks_find_nothing() -> None:
    out = StringIO()
    call_command("check", stdout=out, stderr=out)
    assert "no issues" in out.getvalue()
    call_command("check", "--deploy", "--tag", "models", "--tag", "admin", stdout=out, stderr=out)


def test_a_user_with_records_can_be_deleted(admin: Browser, server_cache: Any) -> None:
    server_cache.set("key", 1)
    admin.post(addresses.delete("valkey", "p:1:key"), {"confirmed": "1"})
    assert LogEntry.objects.count() == 1
    page = admin.open(f"/admin/auth/user/{admin.user.pk}/delete/")
    assert page.status == 200
    admin.user.delete()
    assert not LogEntry.objects.exists()


def test_content_types_are_not_stale() -> None:
    out = StringIO()
    call_command("remove_stale_contenttypes", interactive=False, stdout=out)
    assert ContentType.objects.filter(app_label="django_cachex").count() == 2


def test_permissions_can_be_given_in_the_admin(admin: Browser) -> None:
    page = admin.open("/admin/auth/group/add/")
    assert "view_key" in page.html or "Can view key" in page.html


# The sidebar.


@pytest.mark.parametrize(
    ("held", "names"),
    [
        ((), set()),
        (("view_cache",), {"Caches"}),
        (("change_cache",), {"Caches"}),
        (("view_cache", "view_key", "add_key"), {"Caches"}),
        (("view_key",), {"Keys"}),
        (("change_key",), {"Keys"}),
    ],
)
def test_the_sidebar_starts_where_one_may_start(
    browser_of: BrowserOf, server_cache: Any, held: tuple[str, ...], names: set[str]
) -> None:
    page = browser_of(*held).open("/admin/")
    places = {addresses.caches(): "Caches", addresses.keys(): "Keys"}
    assert {places[link.url] for link in page.links if link.url in places} == names


def test_the_sidebar_is_called_caches(admin: Browser) -> None:
    assert str(apps.get_app_config("django_cachex").verbose_name) == "Caches"
    assert "Caches" in admin.open("/admin/").text


def address_of(index: Page, name: str) -> str:
    """Return where the host's record of a change leads."""
    return [link.url for link in index.links if link.text == name][-1]


def test_a_record_in_recent_actions_leads_to_its_page(admin: Browser, server_cache: Any) -> None:
    server_cache.set("key", 1)
    admin.post(addresses.key("valkey", "p:1:key"), {"mode": "set-ttl", "timeout": "60"})
    admin.post(addresses.caches(), {"action": "flush", "selected": ["valkey"], "confirmed": "1"})
    server_cache.set("key", 1)
    index = admin.open("/admin/")
    assert admin.open(address_of(index, "key (valkey)")).heading == "key"
    assert admin.open(address_of(index, "valkey")).heading.startswith("valkey")


# Another admin site.


@pytest.fixture
def second_site(settings: Any) -> Iterator[django_admin.AdminSite]:
    """A second admin site beside the first, at /backstage/."""
    site = django_admin.site.__class__("backstage")  # Unfold has a class of its own
    site.register(Cache, CacheAdmin)
    site.register(Key, KeyAdmin)
    urlpatterns = [path("admin/", django_admin.site.urls), path("backstage/", site.urls)]
    settings.ROOT_URLCONF = type("Urls", (), {"urlpatterns": urlpatterns})
    clear_url_caches()
    yield site
    set_urlconf(None)
    clear_url_caches()


def test_a_second_site_has_the_pages_under_its_own_address(
    second_site: django_admin.AdminSite, admin: Browser, server_cache: Any
) -> None:
    server_cache.set("key", {"a": 1}, 1000)
    page = admin.open("/backstage/django_cachex/cache/")
    assert page.column("Cache Name")[1].startswith("valkey")
    page = admin.click(admin.click(page, "open", "valkey"), "open", "key")
    assert page.heading == "key"
    for one in (page, admin.click(page, "history"), admin.click(page, "delete")):
        ours = [link.url for link in one.links if "django_cachex" in link.url]
        assert ours
        assert all(url.startswith("/backstage/") for url in ours)
    page = admin.submit(admin.submit(page, "edit"), "save", value="[1]")
    assert page.url.startswith("/backstage/")
    done = admin.submit(admin.click(page, "delete"), "confirm")
    assert done.url.startswith("/backstage/django_cachex/key/")
    assert server_cache.get("key") is None


def test_a_second_site_asks_its_own_permissions(
    second_site: django_admin.AdminSite, browser_of: BrowserOf, server_cache: Any
) -> None:
    second_site.has_permission = lambda request: request.user.is_superuser  # type: ignore[method-assign]  # as its documentation shows
    page = browser_of("view_cache").open("/backstage/django_cachex/cache/", follow=False)
    assert page.status == 302


def test_an_admin_class_of_the_projects_own_decides_too(
    second_site: django_admin.AdminSite, admin: Browser, server_cache: Any
) -> None:
    class Cautious(KeyAdmin):
        def has_delete_permission(self, request: Any, obj: Any = None) -> bool:
            return obj is not None and "precious" not in str(obj.pk)

        def has_change_permission(self, request: Any, obj: Any = None) -> bool:
            return False

    second_site.unregister(Key)
    second_site.register(Key, Cautious)
    clear_url_caches()
    server_cache.set("key", 1)
    url = addresses.key("valkey", "p:1:key").replace("/admin/", "/backstage/")
    page = admin.open(url)
    assert page.has_action("delete")
    assert not page.has_action("edit")
