"""Both skins have the same components, which say and offer the same, and trust no text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.test import RequestFactory

import django_cachex
from django_cachex.admin import components
from tests.admin.reader import Reader
from tests.unfold.examples import Context, Examples
from tests.unfold.skin import under_unfold

TEMPLATES = Path(django_cachex.__file__).parent / "admin" / "templates"
FOLDER = "admin/django_cachex/components"
SKINS = ("admin", "unfold")
PATHS = [path for skin in SKINS for path in sorted((TEMPLATES / FOLDER / skin).iterdir())]
COMPONENTS = sorted({path.stem for path in PATHS})

PLAIN = Examples(say=str)
HOSTILE = Examples(say='javascript:</p><script>alert("{}")</script>\' onclick="x()"'.format)
NAME = re.compile(r"[a-z]+(-[a-z]+)*")
ATTACK = re.compile(r"""javascript:</p><script>alert\("(.*?)"\)</script>' onclick="x\(\)\"""")

every_component = pytest.mark.parametrize("component", COMPONENTS)
every_skin = pytest.mark.parametrize("skin", SKINS)


@pytest.fixture
def visitor(superuser: User) -> HttpRequest:
    """The request of somebody who may see everything."""
    request = RequestFactory().get("/admin/")
    request.user = superuser
    return request


def drawn(skin: str, component: str, context: Context, request: HttpRequest) -> str:
    """Return what a skin makes of a component."""
    from django_cachex.unfold.css_classes import CLASSES

    surroundings = {
        **site.each_context(request),
        "components": {name: f"{FOLDER}/{skin}/{name}.html" for name in COMPONENTS},
        "classes": CLASSES if skin == "unfold" else {},
        "csrf_token": "token",
    }
    return render_to_string(
        f"{FOLDER}/{skin}/{component}.html", {**surroundings, **context}, request
    )


# The files.


def test_both_skins_have_the_same_components() -> None:
    names = [{path.name for path in (TEMPLATES / FOLDER / skin).iterdir()} for skin in SKINS]
    assert names[0] == names[1]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_components_have_neither_scripts_nor_styles_in_their_markup(path: Path) -> None:
    forbidden = r"<script|<style|\s(?:style|on\w+|x-[\w.:-]+|[:@][\w.:-]+)="
    assert re.findall(forbidden, path.read_text()) == []


# The examples.


def instances(value: Any) -> Iterator[Any]:
    """Yield the data classes of components in an example."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for one in value:
            yield from instances(one)
    elif is_dataclass(value):
        yield value
        for field in fields(value):
            yield from instances(getattr(value, field.name))


def unfilled(component: type, examples: list[Any]) -> list[str]:
    """Return the fields that none of the examples gives a value."""
    return [
        field.name
        for field in fields(component)
        if field.default is not MISSING
        and all(getattr(one, field.name) == field.default for one in examples)
    ]


def test_examples_fill_every_field_of_the_data() -> None:
    contexts = [context for component in COMPONENTS for context in PLAIN.of(component)]
    given = list(instances(contexts))
    kinds = [
        one for one in vars(components).values() if isinstance(one, type) and is_dataclass(one)
    ]
    lacking = {one.__name__: unfilled(one, [x for x in given if type(x) is one]) for one in kinds}
    assert {name: some for name, some in lacking.items() if some} == {}


# What they say.


def said(page: Reader) -> list[str]:
    """Return the words, in order."""
    return "".join(page.words).split()


def offered(page: Reader) -> list[str]:
    """Return the links, the forms and the tables, with all that is in them."""
    return [repr(one) for one in (*page.links, *page.forms, *page.tables)]


@under_unfold
@pytest.mark.parametrize(
    "component", [component for component in COMPONENTS if component != "layout"]
)
def test_both_skins_say_and_offer_the_same(component: str, visitor: HttpRequest) -> None:
    for context in PLAIN.of(component):
        plain, unfolds = (Reader(drawn(skin, component, context, visitor)) for skin in SKINS)
        assert said(unfolds) == said(plain)
        assert offered(unfolds) == offered(plain)


@under_unfold
@pytest.mark.parametrize("found", [said, offered])
def test_both_layouts_add_the_same_to_a_page(
    found: Callable[[Reader], list[str]], visitor: HttpRequest
) -> None:
    """Wherever in it: the breadcrumbs stand where a skin has its heading."""
    bare, full = PLAIN.of("layout")
    plain, unfolds = (
        Counter(found(Reader(drawn(skin, "layout", full, visitor))))
        - Counter(found(Reader(drawn(skin, "layout", bare, visitor))))
        for skin in SKINS
    )
    assert plain
    assert unfolds == plain


@under_unfold
@pytest.mark.parametrize(
    "component", [component for component in COMPONENTS if component != "layout"]
)
@every_skin
def test_every_control_says_what_it_does(skin: str, component: str, visitor: HttpRequest) -> None:
    """Whatever a host adds to the layout."""
    pages = [Reader(drawn(skin, component, context, visitor)) for context in PLAIN.of(component)]
    tags = [(tag, given) for page in pages for tag, given in page.raw_tags]
    controls = [given for tag, given in tags if tag == "button" or (tag == "a" and "href" in given)]
    assert [given for given in controls if not NAME.fullmatch(given.get("data-action", ""))] == []


# Whom they trust.


def structure(html: str) -> list[tuple[str, list[str]]]:
    """Return the elements and their attributes, places to break a line left out."""
    tags = [(tag, sorted(given)) for tag, given in Reader(html).raw_tags]
    return [(tag, names) for tag, names in tags if tag != "wbr"]


def addresses(html: str) -> list[str]:
    """Return what may be followed or sent to."""
    tags = Reader(html).raw_tags
    names = ("href", "src", "action", "formaction")
    return [given[name] for _tag, given in tags for name in names if name in given]


@under_unfold
@every_component
@every_skin
def test_no_text_becomes_markup_or_an_address(
    skin: str, component: str, visitor: HttpRequest
) -> None:
    for plain, hostile in zip(PLAIN.of(component), HOSTILE.of(component), strict=True):
        plain_html, html = (drawn(skin, component, one, visitor) for one in (plain, hostile))
        assert structure(html) == structure(plain_html)
        assert addresses(html) == addresses(plain_html)
        assert re.sub(ATTACK, r"\1", " ".join(said(Reader(html)))) == " ".join(
            said(Reader(plain_html))
        )
