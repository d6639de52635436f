"""No class is dead: what templates use has a rule, and what has a rule of ours is used."""

from __future__ import annotations

import ast
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import django_cachex
from django_cachex.admin import components
from django_cachex.admin.apps import PLAIN_CLASSES
from tests.unfold import markup, stylesheets
from tests.unfold.skin import under_unfold

SOURCE = Path(django_cachex.__file__).parent
PAGES = SOURCE / "admin" / "templates" / "admin" / "django_cachex"
SHARED = PAGES / "components"
COMPONENTS = {skin: SHARED / skin for skin in ("admin", "unfold")}
STATIC = SOURCE / "admin" / "static" / "django_cachex"
STYLES = {skin: STATIC / "skins" / f"{skin}.css" for skin in COMPONENTS}
COMMON = STATIC / "cachex.css"
ROWS = SOURCE / "admin" / "templatetags" / "cachex.py"
"""Renders the rows of tables, which would take too long in a template."""

FORMS = SOURCE / "admin" / "forms" / "base.py"
"""Has the markup of its own widgets and help texts."""

KINDS = {
    "action": {"danger", "danger-quiet", "primary", "quiet"},
    "bar": {"key"},
    "badge": {"bad", "good", "strong", "warning"},
    "cell": {
        *(
            "code",
            "key",
            "kind",
            "moment",
            "name",
            "number",
            "row-actions",
            "scope",
            "type",
            "value",
        )
    },
    "item": {"code"},
    "header": {"code", "number"},
    "alert": {"error", "info", "warning"},
}
"""What `cx-{{ badge.kind }}` and its like can be, by what the kind is of."""

COMPONENT_OF = {
    "action": components.Action,
    "badge": components.Badge,
    "bar": components.Bar,
    "cell": components.Cell,
    "item": components.LabeledValue,
    "header": components.Header,
    "alert": components.Alert,
}
LIKE_THE_REST = {"cx-info", "cx-type"}
"""Kinds that nothing sets apart."""

HOOKS = {"errornote", "errors", "group"}
"""Names that Unfold's scripts and the variants of other classes look for."""


def complete_names(names: set[str]) -> set[str]:
    """Return class names, with those that a kind completes in the place of their stem."""
    return {name for stem in names for name in _complete_name(stem)}


def _complete_name(stem: str) -> list[str]:
    before, brace, variable = stem.partition("{{")
    if not brace:
        return [stem]
    of = variable.strip(" }").removesuffix("kind").rstrip(".") or "action"
    return [before + kind for kind in KINDS[of]]


def filter_ours(names: set[str]) -> set[str]:
    return {name for name in names if re.match("cx($|-)", name)}


def get_used_classes(*skins: str) -> set[str]:
    """Return the class names in the templates of pages, help and these skins' components."""
    folders = [SHARED, *(COMPONENTS[skin] for skin in skins)]
    names = markup.classes_of(PAGES, PAGES / "help", *folders)
    if "admin" in skins:
        names |= {name for value in PLAIN_CLASSES.values() for name in value.split()}
    rows = re.sub(r"\{([\w.]+)\}", r"{{ \1 }}", ROWS.read_text())
    return complete_names(names | markup.classes_in(rows) | markup.classes_in(FORMS.read_text()))


def get_unfold_classes() -> set[str]:
    """Return the class names that the installed Unfold has rules for."""
    unfold = pytest.importorskip("unfold")
    return stylesheets.classes_of(Path(unfold.__file__).parent / "static/unfold/css/styles.css")


def get_control_classes() -> set[str]:
    """Return the class names of Unfold's controls as we list them, without its own lists."""
    from unfold import widgets

    from django_cachex.unfold.apps import make_css_classes

    lists = [names for name, names in vars(widgets).items() if name.endswith("_CLASSES")]
    theirs = {name for names in lists if isinstance(names, list) for name in names}
    return {name for names in make_css_classes().values() for name in names} - theirs


# Classes that are used.


def test_the_plain_skin_has_a_rule_for_each_class() -> None:
    ruled = stylesheets.classes_of(COMMON, STYLES["admin"])
    assert get_used_classes("admin") - ruled - LIKE_THE_REST == set()


def test_unfolds_skin_has_a_rule_for_each_class_of_ours() -> None:
    ruled = stylesheets.classes_of(COMMON, STYLES["unfold"])
    assert filter_ours(get_used_classes("unfold")) - ruled - LIKE_THE_REST == set()


@under_unfold
def test_the_installed_unfold_has_a_rule_for_each_other_class() -> None:
    names = complete_names(markup.classes_of(COMPONENTS["unfold"]))
    assert (names | get_control_classes()) - filter_ours(
        names
    ) - HOOKS - get_unfold_classes() == set()


@under_unfold
def test_a_made_up_class_is_found_dead() -> None:
    names = markup.classes_in('<p class="{% if a %}mb-2 {% else %}mb-made-up{% endif %} cx">')
    assert names - filter_ours(names) - get_unfold_classes() == {"mb-made-up"}


# Lists of classes.


def get_requested_controls() -> set[str]:
    """Return the controls whose classes Unfold's components ask for."""
    paths = [*SHARED.glob("*.html"), *COMPONENTS["unfold"].glob("*.html")]
    templates = "".join(path.read_text() for path in paths)
    return set(re.findall(r"\bclasses\.(\w+)", templates))


@under_unfold
def test_the_components_ask_for_the_controls_that_there_are() -> None:
    from django_cachex.unfold.apps import make_css_classes

    assert get_requested_controls() == set(make_css_classes())


# Rules.


def test_each_rule_of_all_skins_is_for_something_used() -> None:
    assert filter_ours(stylesheets.classes_of(COMMON)) - get_used_classes(*COMPONENTS) == set()


def test_each_rule_of_the_plain_skin_is_for_something_used() -> None:
    assert filter_ours(stylesheets.classes_of(STYLES["admin"])) - get_used_classes("admin") == set()


def test_each_rule_of_unfolds_skin_is_for_something_used() -> None:
    # Many of its components are the plain ones.
    assert (
        filter_ours(stylesheets.classes_of(STYLES["unfold"])) - get_used_classes(*COMPONENTS)
        == set()
    )


# Kinds.


def literals(node: ast.AST) -> set[str]:
    """Return the strings in an expression."""
    constants = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant)]
    return {value for value in constants if isinstance(value, str)}


def given_kinds(part: Any) -> set[str]:
    """Return the kinds that the code writes where it makes a part of this class."""
    place = [field.name for field in fields(part)].index("kind")
    found: set[str] = set()
    for path in (SOURCE / "admin").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == part.__name__:
                given = [*node.args[place : place + 1]]
                given += [one.value for one in node.keywords if one.arg == "kind"]
                found |= {kind for one in given for kind in literals(one)}
    return found - {""}


@pytest.mark.parametrize("of", KINDS)
def test_the_kinds_that_the_code_gives_are_known_here(of: str) -> None:
    assert given_kinds(COMPONENT_OF[of]) <= KINDS[of]


def test_the_kinds_that_are_known_here_are_given_somewhere() -> None:
    paths = [*SOURCE.rglob("*.py"), *PAGES.glob("*.html")]
    source = "".join(path.read_text() for path in paths)
    kinds = {kind for kinds in KINDS.values() for kind in kinds}
    assert {kind for kind in kinds if f'"{kind}"' not in source} == set()


# The reading of stylesheets and templates.


def test_selectors_are_read_as_browsers_read_them() -> None:
    css = r"""
    /* .comment { } */
    @layer utilities { .lg\:w-1\/2 { width: 50.5% }
      @media (width >= 1.5rem) { a.\32 xl:hover > .-m-1\.5 {} } }
    .after\:content-\[\'\{\'\]::after { content: ".string {" }
    .group-\[\.errors\]\:red:is(:where(.group):is(.errors) *), [title=".attribute"] {}
    .url { background: url(data:image/svg+xml;.data{}) } 33.3% { top: 0 }
    """
    assert stylesheets.classes_in(css) == {
        *("lg:w-1/2", "2xl", "-m-1.5", "after:content-['{']"),
        *("group-[.errors]:red", "group", "errors", "url"),
    }


def test_class_attributes_are_read_with_the_tags_in_them() -> None:
    template = """
    <p class="one{% if a == "b" %} two{% else %} {{ three }}{% endif %} cx-{{ four.kind }}">
    {% include "part" with class="five six" %} <p data-class="none">
    """
    assert markup.classes_in(template) == {"one", "two", "cx-{{ four.kind }}", "five", "six"}
