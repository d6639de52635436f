"""The fragments that templates declare, how many variants are cached, and purging them."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches
from django.core.cache.utils import make_template_fragment_key

from django_cachex.admin.fragments import find_fragments, parse_fragments
from tests import cached_site
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import FILES, BrowserOf, Configure
from tests.admin.page import Page
from tests.admin.steps import listed

SOURCE = """{% load cache %}
{% cache 60 plain %}a{% endcache %}
{% comment "old" %}{% cache 60 commented %}{% endcomment %}
{# {% cache 60 commented %} #}
{% verbatim %}{% cache 60 shown %}{% endverbatim %}
{% cache timeout|default:"1 2" card product.pk "a b"|lower using="slow" %}
  {% cache 60 inner using=name %}b{% endcache %}
{% endcache %}{% cache broken %}{% cachealot 1 other %}{{ cache }}
"""


def test_fragments_are_read_from_the_tags_of_templates(settings: Any) -> None:
    found = list(parse_fragments(SOURCE, "shop/card.html"))
    assert [(one.name, one.line, one.alias) for one in found] == [
        ("plain", 2, "default"),
        ("card", 6, "slow"),
        ("inner", 7, None),
    ]
    assert found[1].vary_on == ("product.pk", '"a b"|lower')
    settings.CACHES = {**settings.CACHES, "template_fragments": settings.CACHES["default"]}
    assert found[0].alias == "template_fragments"


def test_templates_of_every_loader_are_read_again_when_they_change(
    settings: Any, tmp_path: Path
) -> None:
    (tmp_path / "shop").mkdir()
    card = tmp_path / "shop" / "card.html"
    card.write_text("{% cache 60 first %}")
    (tmp_path / "binary").write_bytes(b"\xff{% cache 60 binary %}")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    memory = ("django.template.loaders.locmem.Loader", {"memory.html": "{% cache 60 memory %}"})
    loaders = [
        ("django.template.loaders.cached.Loader", ["django.template.loaders.filesystem.Loader"]),
        memory,
    ]
    options = {"loaders": loaders}
    backend = "django.template.backends.django.DjangoTemplates"
    settings.TEMPLATES = [{"BACKEND": backend, "DIRS": [tmp_path], "OPTIONS": options}]
    found = {one.name: one.place for one in find_fragments()}
    assert found == {"first": "shop/card.html:1", "binary": "binary:1", "memory": "memory.html:1"}
    card.write_text("\n{% cache 60 second %}")
    assert {"second", "binary", "memory"} == {one.name for one in find_fragments()}


@pytest.fixture
def site(listing: str, settings: Any) -> str:
    """An alias of each backend that lists, with three variants of one fragment and one of another.

    They are where a site stores its fragments.
    """
    settings.CACHES = {**settings.CACHES, "template_fragments": settings.CACHES[listing]}
    cached_site.serve(settings, listing)
    for number in (1, 2, 3):
        cached_site.visit(f"/fragments/{number}/")
    return "template_fragments"


def fragment_row(page: Page, name: str) -> dict[str, str]:
    """Return the row of a fragment. Other lines of its first cell follow its name."""
    [cell] = [cell for cell in page.column("Fragment") if cell.split()[0] == name]
    return page.table("Fragment").row("Fragment", cell)


def test_variants_are_counted_and_purged(admin: Browser, site: str) -> None:
    caches[site].set(make_template_fragment_key("unknown", ["1"]), "x")
    page = admin.open(addresses.fragments(site))
    card = fragment_row(page, "product_card")
    assert card["Fragment"].split() == ["product_card", "shop/card.html:4"]
    assert (card["Varies on"], card["Timeout"], card["Variants"]) == ("number, color", "500", "3")
    assert fragment_row(page, "sidebar")["Variants"] == "1"
    assert fragment_row(page, "other")["Variants"] == "1"
    names = {make_template_fragment_key("product_card", [n, "red"]) for n in (1, 2, 3)}
    [link] = [link for link in page.links if link.text == "3"]
    assert set(listed(admin.open(link.url))) == names

    form = admin.click(page, "purge-variant", "product_card")
    again = admin.submit(form, "find-variant", **{"value-0": "2", "value-1": "blue"})
    assert again.form("find-variant").control("value-1").value == "blue"
    question = admin.submit(again, "find-variant", **{"value-1": "red"})
    admin.submit(question, "confirm")
    page = admin.open(addresses.fragments(site))
    assert fragment_row(page, "product_card")["Variants"] == "2"
    assert "render" in cached_site.visit("/fragments/2/")

    counted = admin.click(page, "purge-all", "product_card")
    admin.submit(admin.submit(counted, "ask"), "confirm")
    page = admin.open(addresses.fragments(site))
    assert fragment_row(page, "product_card")["Variants"] == "0"
    assert fragment_row(page, "sidebar")["Variants"] == "1"
    admin.submit(admin.click(page, "purge-variant", "sidebar"), "confirm")
    assert fragment_row(admin.open(page.url), "sidebar")["Variants"] == "0"


def test_all_of_a_fragment_is_not_purged_with_those_of_another(
    admin: Browser, server_cache: Any, settings: Any
) -> None:
    source = "{% cache 60 shop a using='valkey' %}{% cache 60 shop.card a using='valkey' %}"
    loaders = [("django.template.loaders.locmem.Loader", {"shop.html": source})]
    loaders.append("django.template.loaders.app_directories.Loader")
    options = {"loaders": loaders, "context_processors": _processors(settings)}
    settings.TEMPLATES = [{"BACKEND": settings.TEMPLATES[0]["BACKEND"], "OPTIONS": options}]
    server_cache.set(make_template_fragment_key("shop", ["1"]), "x")
    server_cache.set(make_template_fragment_key("shop.card", ["1"]), "x")
    page = admin.open(addresses.fragments("valkey"))
    assert fragment_row(page, "shop")["Variants"] == "1"
    assert fragment_row(page, "shop.card")["Variants"] == "1"
    offered = [link.text for link in page.links if link.data_action == "purge-all"]
    assert len(offered) == 1
    assert offered[0].endswith("shop.card")


def _processors(settings: Any) -> list[str]:
    processors: list[str] = settings.TEMPLATES[0]["OPTIONS"]["context_processors"]
    return processors


def test_where_keys_are_not_listed_one_variant_is_purged(
    admin: Browser, configure: Configure, settings: Any, tmp_path: Path
) -> None:
    configure(template_fragments={"BACKEND": FILES, "LOCATION": str(tmp_path)})
    cached_site.serve(settings, "default")
    cached_site.visit("/fragments/1/")
    page = admin.open(addresses.fragments("template_fragments"))
    assert page.column("Variants") == []
    form = admin.click(page, "purge-variant", "product_card")
    question = admin.submit(form, "find-variant", **{"value-0": "1", "value-1": "red"})
    admin.submit(question, "confirm")
    assert (
        caches["template_fragments"].get(make_template_fragment_key("product_card", [1, "red"]))
        is None
    )


def test_nothing_is_offered_to_those_who_may_not_delete(
    browser_of: BrowserOf, server_cache: Any, settings: Any
) -> None:
    settings.CACHES = {**settings.CACHES, "template_fragments": settings.CACHES["valkey"]}
    cached_site.serve(settings, "valkey")
    cached_site.visit("/fragments/1/")
    person, address = browser_of("view_key"), addresses.fragments("template_fragments")
    page = person.open(address)
    assert fragment_row(page, "product_card")["Variants"] == "1"
    assert not page.has_action("purge-variant")
    assert not page.has_action("purge-all")
    forced = f"{address}?fragment=shop/card.html:4:product_card"
    answer = person.post(forced, {"mode": "find", "value-0": "1", "value-1": "red"})
    assert not answer.has_action("find-variant")
    assert browser_of("view_cache").open(address).status == HTTPStatus.FORBIDDEN


def test_a_cache_without_fragments_says_which_have_some(
    admin: Browser, server_cache: Any, settings: Any
) -> None:
    cached_site.serve(settings, "valkey")
    page = admin.open(addresses.fragments("valkey"))
    assert "No fragments" in page.text
    default = admin.click(page, "fragments", "default")
    assert fragment_row(default, "product_card")["Variants"] == "0"
