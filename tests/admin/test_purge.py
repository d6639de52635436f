"""Pages of a real site are purged by their URL, through every kind of cache."""

from __future__ import annotations

import uuid
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import valkey
from django.conf.urls.i18n import i18n_patterns
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.urls import path

from django_cachex.admin.forms.purge import PurgeForm
from django_cachex.admin.purging import parse_target
from tests import cached_site, servers
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import (
    FILES,
    REFUSING_PORT,
    STRANGER,
    VALKEY,
    BrowserOf,
    Configure,
    locmem_params,
    valkey_params,
)
from tests.admin.page import Page
from tests.admin.test_command_line import Ran
from tests.cached_site import visit

BASKET = "/shop/basket/?a=1"
VARIANTS = [
    {"language": language, "time_zone": time_zone, "cookies": cookies, "secure": secure}
    for language, time_zone, cookies, secure in [
        ("en", "", "", False),
        ("de", "", "plan=pro", False),
        ("de", "Asia/Tokyo", "", True),
        ("pt-br", "America/Argentina/Buenos_Aires", "plan=free", True),
    ]
]


def visit_all(url: str) -> list[str]:
    return [visit(url, **variant) for variant in VARIANTS]


def purge_all(browser: Browser, page: Page) -> Page:
    return browser.submit(browser.submit(page, "delete-all"), "confirm")


@pytest.mark.parametrize("url", [BASKET, "/shop/prices/", "/shop/v2/", "/shop/card/3/"])
def test_every_variant_is_found_and_nothing_else_purged(
    admin: Browser, listing: str, settings: Any, url: str
) -> None:
    cached_site.serve(settings, listing)
    before = visit_all(url)
    other = visit_all("/shop/lamp/5/")
    assert visit_all(url) == before
    assert len(set(before)) == len(VARIANTS)
    found = admin.submit(admin.open(addresses.purge(listing)), "find", url=url)
    assert found.column("Method") == ["GET"] * len(VARIANTS)
    assert sorted(found.column("Language")) == ["de", "de", "en", "pt-br"]
    assert "Asia/Tokyo" in found.column("Time zone")
    purge_all(admin, found)
    assert visit_all("/shop/lamp/5/") == other
    assert not {*visit_all(url)} & {*before}


def test_nothing_of_a_purged_page_is_left(admin: Browser, settings: Any, listing: str) -> None:
    cached_site.serve(settings, listing)
    visit_all(BASKET)
    purge_all(admin, admin.open(addresses.purge(listing, url=BASKET)))
    keys = admin.open(addresses.keys(listing, q="*views.decorators*"))
    assert keys.column("Key") == []


def test_a_cache_that_is_down_does_not_keep_the_others_from_being_searched(
    admin: Browser, settings: Any, configure: Configure, valkey_server: servers.Server
) -> None:
    down = {"BACKEND": VALKEY, "LOCATION": f"valkey://127.0.0.1:{REFUSING_PORT}/0"}
    configure(default=valkey_params(valkey_server), down=down)
    cached_site.serve(settings, "default")
    visit_all(BASKET)
    settings.CACHEX_ADMIN = {"SCAN_BUDGET": 1e-9, "SCAN_COUNT": 1}
    page = admin.open(addresses.purge(url=BASKET))
    steps = 1
    while "data-auto-continue" in page.html:
        page, steps = admin.submit(page, "continue"), steps + 1
    assert steps > 1
    assert len(page.column("Method")) == len(VARIANTS)
    assert page.has_action("continue")  # The other cache, when it is back.


def test_chosen_variants_go_and_the_others_stay(admin: Browser, settings: Any) -> None:
    settings.CACHES = {"default": locmem_params()}
    cached_site.serve(settings, "default")
    before = visit_all(BASKET)
    found = admin.open(addresses.purge("default", url=BASKET))
    boxes = [one.value for one in found.form("delete").controls if one.name == "selected"]
    languages = zip(boxes, found.column("Language"), strict=True)
    german = [value for value, language in languages if language == "de"]
    admin.submit(admin.submit(found, "delete", selected=german), "confirm")
    english, first, second, brazilian = visit_all(BASKET)
    assert (english, brazilian) == (before[0], before[3])
    assert not {first, second} & {*before}
    assert "Deleted" in LogEntry.objects.latest("pk").change_message


def test_pages_of_the_middleware_are_found_in_all_caches(
    admin: Browser, configure: Configure, settings: Any
) -> None:
    configure(pages=locmem_params())
    cached_site.serve(settings, "pages", whole_site=True)
    first = visit("/news/")
    found = admin.open(addresses.purge(url="news"))
    assert found.column("Cache") == ["pages"]
    assert found.column("Key prefix") == ["site"]
    purge_all(admin, found)
    assert visit("/news/") != first


def test_files_have_the_variants_whose_keys_can_be_computed(
    admin: Browser, configure: Configure, settings: Any, tmp_path: Path
) -> None:
    configure(files={"BACKEND": FILES, "LOCATION": str(tmp_path / "files")})
    cached_site.serve(settings, "files")
    for url in ("/shop/lamp/5/", "/shop/v2/", BASKET):
        before = [visit(url, language) for language in ("en", "de")]
        cookie = visit(url, cookies="plan=pro")
        found = admin.open(addresses.purge("files", url=url))
        assert sorted(found.column("Language"))[:2] == ["de", "en"]
        purge_all(admin, found)
        after = [visit(url, language) for language in ("en", "de")]
        assert not {*before} & {*after}, url
        assert (visit(url, cookies="plan=pro") == cookie) is (url == BASKET)


def test_a_cache_that_tells_nothing_is_purged_all_the_same(
    admin: Browser, configure: Configure, settings: Any
) -> None:
    configure(stranger={"BACKEND": STRANGER, "LOCATION": uuid.uuid4().hex})
    cached_site.serve(settings, "stranger")
    before = visit("/shop/lamp/5/")
    page = admin.open(addresses.purge("stranger", url="/shop/lamp/5/"))
    purge_all(admin, page)
    assert visit("/shop/lamp/5/") != before


def test_purging_needs_delete_key_and_an_alias_that_is_not_read_only(
    browser_of: BrowserOf, settings: Any
) -> None:
    settings.CACHES = {"default": locmem_params()}
    cached_site.serve(settings, "default")
    visit(BASKET)
    url = addresses.purge("default", url=BASKET)
    viewer, purger = browser_of("view_key"), browser_of("view_key", "delete_key")
    assert browser_of("view_cache", "delete_key").open(url).status == 403
    seen = viewer.open(url)
    assert seen.column("Method") == ["GET"]
    assert not seen.has_action("delete-all")
    question = purger.submit(purger.open(url), "delete-all")
    forged = question.form("confirm").data()
    viewer.post(url, forged)
    settings.CACHEX_ADMIN = {"ALIASES": {"default": "read-only"}}
    purger.post(url, forged)
    assert not purger.open(url).has_action("delete-all")
    settings.CACHEX_ADMIN = {"ALIASES": {"default": "hidden"}}
    assert purger.open(url).status == 404
    settings.CACHEX_ADMIN = {}
    assert viewer.open(url).column("Method") == ["GET"]
    purger.post(url, forged)
    assert viewer.open(url).column("Method") == []


@pytest.mark.parametrize(
    "given",
    [
        {"url": "no-such-view"},
        {"url": "lamp five"},
        {"url": "lamp number=5 6"},
        {"url": "ftp://testserver/"},
        {"url": "https://user@testserver/"},
        {"url": "http://[::1/"},
        {"url": "//"},
        {"url": "lamp '"},
        {"url": "/x" * 2000},
        {"url": "/", "hosts": "stranger.example"},
        {"url": "/", "hosts": "é" * 70},
        {"url": "/", "hosts": " ".join(f"h{number}.testserver" for number in range(11))},
        {"url": "/", "hosts": ""},
        {"more": "\n".join(f"/{number}" for number in range(1001))},
        {},
    ],
)
def test_what_is_no_address_is_refused_with_a_reason(
    admin: Browser, settings: Any, given: dict[str, str]
) -> None:
    settings.CACHES = {"default": locmem_params()}
    cached_site.serve(settings, "default")
    settings.ALLOWED_HOSTS = ["testserver", ".testserver"]
    page = admin.submit(admin.open(addresses.purge("default")), "find", **given)
    assert page.status == 200
    assert any("cx-problem" in tag.get("class", "") for _name, tag in page.tags)
    assert not page.has_action("delete-all")


def test_the_address_of_a_view_in_each_language_and_host(admin: Browser, settings: Any) -> None:
    settings.CACHES = {"default": locmem_params()}
    cached_site.serve(settings, "default")
    settings.ALLOWED_HOSTS = ["testserver", "*.bad", ".shop.example"]
    visit("/shop/lamp/7/", headers={"host": "shop.example"}, secure=True)
    found = admin.open(addresses.purge("default", url="lamp number=7"))
    assert found.column("Page") == ["https://shop.example/shop/lamp/7/"]
    assert "http://testserver/shop/lamp/7/" in found.text


def test_a_view_has_an_address_in_each_language_of_i18n_patterns(settings: Any) -> None:
    urls: Any = ModuleType("translated_site")
    urls.urlpatterns = i18n_patterns(path("lamp/", cached_site.plain, name="lamp"))
    settings.ROOT_URLCONF, settings.LANGUAGES = urls, cached_site.LANGUAGES
    assert {one.path for one in parse_target("lamp")} == {"/en/lamp/", "/de/lamp/", "/pt-br/lamp/"}


def test_a_list_of_pages_is_purged_in_one_go(admin: Browser, settings: Any) -> None:
    settings.CACHES = {"default": locmem_params()}
    cached_site.serve(settings, "default")
    urls = [f"/shop/lamp/{number}/?page={number}" for number in range(60)]
    before = [visit(url) for url in urls]
    kept = visit("/shop/lamp/1/")
    page = admin.open(addresses.purge("default"))
    found = admin.submit(page, "find", more="\r\n".join(f"http://testserver{url}" for url in urls))
    assert len(found.column("Page")) == len(urls)
    purge_all(admin, found)
    assert not {visit(url) for url in urls} & {*before}
    assert visit("/shop/lamp/1/") == kept


def test_a_path_with_a_star_says_what_can_be_done(admin: Browser, settings: Any) -> None:
    settings.CACHES = {"default": locmem_params()}
    cached_site.serve(settings, "default")
    visit_all(BASKET)
    page = admin.open(addresses.purge("default", url="/shop/*"))
    assert page.column("Page") == []
    every = admin.click(page, "purge-everything")
    assert "8 keys match" in every.text


def test_a_long_search_continues_with_what_it_has_found(
    admin: Browser, server_cache: Any, settings: Any
) -> None:
    cached_site.serve(settings, "valkey")
    settings.CACHEX_ADMIN = {"SCAN_BUDGET": 1e-9}
    visit_all(BASKET)
    server_cache.set_many({f"key:{number}": "v" for number in range(200)}, None)
    page = admin.open(addresses.purge("valkey", url=BASKET))
    assert page.has_action("continue")
    while page.has_action("continue"):
        page = admin.submit(page, "continue")
    assert len(page.column("Page")) == len(VARIANTS)
    tampered = page.form("delete-all").data() | {"step": "continue", "state": "x"}
    assert admin.post(page.url, tampered).status == 200


def test_a_server_that_is_down_leaves_the_page(admin: Browser, configure: Configure) -> None:
    configure(
        down={"BACKEND": "django_cachex.cache.ValkeyCache", "LOCATION": "valkey://127.0.0.1:1"}
    )
    page = admin.open(addresses.purge("down", url="/"))
    assert page.status == 200
    assert page.has_action("find")
    assert page.has_action("try-again")


def test_a_page_that_is_not_cached_says_why(
    admin: Browser, configure: Configure, settings: Any
) -> None:
    configure(pages=locmem_params())
    cached_site.serve(settings, "pages")
    assert '"pages"' in admin.open(addresses.purge("default", url="/shop/lamp/5/")).text
    assert "cache_page" in admin.open(addresses.purge("default", url="/news/")).text


def test_the_command_purges_like_the_page(
    configure: Configure, settings: Any, superuser: User, tmp_path: Path
) -> None:
    files = {"BACKEND": FILES, "LOCATION": str(tmp_path / "files")}
    configure(pages=locmem_params(), files=files)
    cached_site.serve(settings, "pages")
    settings.ALLOWED_HOSTS = ["testserver"]
    before = visit_all(BASKET)
    dry = Ran("purge", BASKET, "--dry-run", "--json")
    assert dry.code == 0
    assert len([line for line in dry.lines if line["method"]]) == len(VARIANTS)
    assert visit_all(BASKET) == before
    assert Ran("purge", BASKET).code == 2  # Nobody can be asked.
    assert Ran("purge", "lamp 5", "--yes").code == 0
    assert visit_all(BASKET) == before
    done = Ran("purge", BASKET, "--yes", "--json", "--user", superuser.username)
    assert done.code == 0
    assert done.lines[-1]["cache"] == "pages"
    assert not {*visit_all(BASKET)} & {*before}
    assert LogEntry.objects.filter(user=superuser).exists()
    for wrong in (["/x*"], ["no-view"], ["/", "--host", "strange.example"]):
        assert Ran("purge", *wrong, "--yes").code == 2
    cached_site.serve(settings, "files")
    stale = visit("/shop/v2/")
    assert Ran("purge", "prefixed", "--cache", "files", "--yes").code == 0
    assert visit("/shop/v2/") != stale


# Limits.


def test_a_search_of_one_cache_is_not_continued_in_another(admin: Browser, settings: Any) -> None:
    settings.CACHES = {"default": locmem_params(), "other": locmem_params()}
    cached_site.serve(settings, "default")
    visit(BASKET)
    page = admin.open(addresses.purge("default", url=BASKET))
    sent = page.form("delete-all").data() | {"step": "continue"}
    assert admin.post(addresses.purge("default"), sent).column("Method") == ["GET"]
    answer = admin.post(addresses.purge("other"), sent)
    assert answer.status == 200
    assert answer.column("Method") == []


def test_a_key_that_is_no_text_leaves_the_page(
    admin: Browser, server_cache: Any, settings: Any, raw: valkey.Valkey
) -> None:
    cached_site.serve(settings, "valkey")
    visit("/shop/lamp/5/")
    [stored] = raw.keys("*cache_page*")
    raw.set(stored.replace(b"cache_page..", b"cache_page.\xed\xa0\x80."), "x")
    found = admin.open(addresses.purge("valkey", url="/shop/lamp/5/"))
    assert found.status == 200
    assert len(found.column("Key prefix")) == 2
    assert admin.submit(found, "delete-all").status == 200


def test_addresses_are_hashed_once(settings: Any) -> None:
    cached_site.serve(settings, "default")
    form = PurgeForm({"url": BASKET, "hosts": "testserver"})
    assert form.is_valid()
    assert form.search is form.search


def test_many_pages_on_many_hosts_are_refused(admin: Browser, settings: Any) -> None:
    settings.CACHES = {"default": locmem_params()}
    cached_site.serve(settings, "default")
    settings.ALLOWED_HOSTS = ["*"]
    more = "\n".join(f"/{number}" for number in range(1000))
    hosts = " ".join(f"h{number}.example" for number in range(10))
    page = admin.post(addresses.purge("default"), {"more": more, "hosts": hosts})
    assert "10,000" in page.text or "10000" in page.text
    assert not page.has_action("delete-all")


def test_pages_of_a_hidden_cache_are_not_computed_through_another(
    admin: Browser, configure: Configure, settings: Any, tmp_path: Path
) -> None:
    files = {"BACKEND": FILES, "LOCATION": str(tmp_path / "files")}
    configure(files=files, vault=files)
    cached_site.serve(settings, "vault")
    before = visit(BASKET)
    url = addresses.purge("files", url=BASKET)
    found = admin.open(url)
    forged = admin.submit(found, "delete-all").form("confirm").data()
    settings.CACHEX_ADMIN = {"ALIASES": {"vault": "hidden"}}
    page = admin.open(url)
    assert page.column("Method") == []
    assert "vault" not in page.html
    admin.post(url, forged)
    assert visit(BASKET) == before
