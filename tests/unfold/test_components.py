"""Both skins have the same components, with the same text and controls, and escape all text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin import site
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.test import RequestFactory

import django_cachex
from django_cachex.admin import components
from django_cachex.admin.apps import PLAIN_CLASSES
from django_cachex.admin.components import component_template
from tests.admin.reader import Reader
from tests.unfold.examples import Context, Examples
from tests.unfold.skin import under_unfold

TEMPLATES = Path(django_cachex.__file__).parent / "admin" / "templates"
FOLDER = "admin/django_cachex/components"
SKINS = ("admin", "unfold")
PATHS = sorted((TEMPLATES / FOLDER).rglob("*.html"))
COMPONENTS = sorted({path.stem for path in PATHS})

PLAIN = Examples(say=str)
HOSTILE = Examples(say='javascript:</p><script>alert("{}")</script>\' onclick="x()"'.format)
NAME = re.compile(r"[a-z]+(-[a-z]+)*|\+1[hd]")  # Two extend a TTL.
ATTACK = re.compile(r"""javascript:</p><script>alert\("(.*?)"\)</script>' onclick="x\(\)\"""")

every_component = pytest.mark.parametrize("component", COMPONENTS)
every_skin = pytest.mark.parametrize("skin", SKINS)


@pytest.fixture
def visitor(superuser: User) -> HttpRequest:
    """A superuser's request."""
    request = RequestFactory().get("/admin/")
    request.user = superuser
    return request


def render(skin: str, component: str, context: Context, request: HttpRequest) -> str:
    """Render a component in a skin."""
    unfold_classes = apps.get_app_config("django_cachex").classes
    surroundings = {
        **site.each_context(request),
        "components": {name: component_template(skin, name) for name in COMPONENTS},
        "classes": PLAIN_CLASSES if skin == "admin" else unfold_classes,
        "csrf_token": "token",
    }
    return render_to_string(
        component_template(skin, component), {**surroundings, **context}, request
    )


# The files.


def test_both_skins_have_the_same_components_of_their_own() -> None:
    names = [{path.name for path in (TEMPLATES / FOLDER / skin).iterdir()} for skin in SKINS]
    assert names[0] == names[1]


def test_a_component_is_either_shared_or_each_skins_own() -> None:
    shared = {path.name for path in (TEMPLATES / FOLDER).glob("*.html")}
    assert shared.isdisjoint(path.name for path in (TEMPLATES / FOLDER / "admin").iterdir())


@pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_components_have_neither_scripts_nor_styles_in_their_markup(path: Path) -> None:
    forbidden = r"<script|<style|\s(?:style|on\w+|x-[\w.:-]+|[:@][\w.:-]+)="
    assert re.findall(forbidden, path.read_text()) == []


# The examples.


def iter_components(value: Any) -> Iterator[Any]:
    """Yield the data classes of components in an example."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for one in value:
            yield from iter_components(one)
    elif is_dataclass(value):
        yield value
        for field in fields(value):
            yield from iter_components(getattr(value, field.name))


def find_unset_fields(component: type, examples: list[Any]) -> list[str]:
    """Return the fields that no example gives a value."""
    return [
        field.name
        for field in fields(component)
        if field.default is not MISSING
        and all(getattr(one, field.name) == field.default for one in examples)
    ]


def test_examples_fill_every_field_of_the_data() -> None:
    contexts = [context for component in COMPONENTS for context in PLAIN.of(component)]
    given = list(iter_components(contexts))
    kinds = [
        one
        for one in vars(components).values()
        if is_dataclass(one) and getattr(one, "__module__", "") == components.__name__
    ]
    unset = {
        one.__name__: find_unset_fields(one, [x for x in given if type(x) is one]) for one in kinds
    }
    assert {name: some for name, some in unset.items() if some} == {}


# Text and controls.


def get_words(page: Reader) -> list[str]:
    """Return the words of a page, in order."""
    return "".join(page.words).split()


def get_controls(page: Reader) -> list[str]:
    """Return the links, forms and tables of a page with their content."""
    return [repr(one) for one in (*page.links, *page.forms, *page.tables)]


@under_unfold
@pytest.mark.parametrize(
    "component", [component for component in COMPONENTS if component != "layout"]
)
def test_both_skins_say_and_offer_the_same(component: str, visitor: HttpRequest) -> None:
    for context in PLAIN.of(component):
        plain, unfolds = (Reader(render(skin, component, context, visitor)) for skin in SKINS)
        assert get_words(unfolds) == get_words(plain)
        assert get_controls(unfolds) == get_controls(plain)


@under_unfold
@pytest.mark.parametrize("get", [get_words, get_controls])
def test_both_layouts_add_the_same_to_a_page(
    get: Callable[[Reader], list[str]], visitor: HttpRequest
) -> None:
    """The order may differ: the breadcrumbs may be in the host's header."""
    bare, full = PLAIN.of("layout")
    plain, unfolds = (
        Counter(get(Reader(render(skin, "layout", full, visitor))))
        - Counter(get(Reader(render(skin, "layout", bare, visitor))))
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
    """Except for the controls that a host adds to the layout."""
    pages = [Reader(render(skin, component, context, visitor)) for context in PLAIN.of(component)]
    tags = [(tag, given) for page in pages for tag, given in page.raw_tags]
    controls = [given for tag, given in tags if tag == "button" or (tag == "a" and "href" in given)]
    assert [given for given in controls if not NAME.fullmatch(given.get("data-action", ""))] == []


# Escaping.


def get_structure(html: str) -> list[tuple[str, list[str]]]:
    """Return the elements and their attributes, except `<wbr>`."""
    tags = [(tag, sorted(given)) for tag, given in Reader(html).raw_tags]
    return [(tag, names) for tag, names in tags if tag != "wbr"]


def get_urls(html: str) -> list[str]:
    """Return the URLs of links and forms."""
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
        plain_html, html = (render(skin, component, one, visitor) for one in (plain, hostile))
        assert get_structure(html) == get_structure(plain_html)
        assert get_urls(html) == get_urls(plain_html)
        assert re.sub(ATTACK, r"\1", " ".join(get_words(Reader(html)))) == " ".join(
            get_words(Reader(plain_html))
        )
