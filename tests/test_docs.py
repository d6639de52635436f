"""What the documentation says, held against the code: snippets run, tables are compared.

A fenced block of Python after ``<!-- run -->`` is run; one of ``pycon`` is run and its results are
compared. The blocks of a page are one module, and CACHES that one of them sets is in force from
there on, on a real Valkey in place of the documented address.
"""

from __future__ import annotations

import ast
import asyncio
import doctest
import inspect
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from textwrap import dedent
from types import CodeType, ModuleType
from typing import Any

import pytest
from django.contrib import admin
from django.core.cache import caches
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.checks import run_checks
from django.test import Client

from django_cachex.inspectors import inspector_for, unregister
from django_cachex.inspectors.entries import NEVER
from django_cachex.inspectors.limits import Limits
from tests.admin import addresses
from tests.admin.strangers import ClearableShelfCache
from tests.servers import Server

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "django_cachex"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
DOCUMENTED_SERVER = "127.0.0.1:6379"
MODULE = "notebook"
"""What the pages call their module where they name its classes."""

BLOCK = re.compile(
    r"^(?P<mark>[ ]*<!-- run -->\n)?(?P<indent>[ ]*)```(?P<language>python|pycon)\n"
    r"(?P<text>.*?)^(?P=indent)```$",
    re.DOTALL | re.MULTILINE,
)


class ShelfCache(ClearableShelfCache):
    """A stranger's backend with every method of Django's interface."""

    def touch(self, key: str, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        value = self.get(key, self, version)
        if value is not self:
            self.set(key, value, timeout, version)
        return value is not self


def page_id(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# Snippets.


@dataclass(frozen=True)
class Snippet:
    """A fenced block and where it begins."""

    path: Path
    line: int
    language: str
    text: str

    def run(self, names: dict[str, Any]) -> None:
        if self.language == "pycon":
            self._compare(names)
            return
        code = compile(
            "\n" * self.line + self.text, str(self.path), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        )
        run_code(code, names)

    def _compare(self, names: dict[str, Any]) -> None:
        example = doctest.DocTestParser().get_doctest(
            self.text, names, page_id(self.path), str(self.path), self.line
        )
        report: list[str] = []
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
        runner.run(example, out=report.append, clear_globs=False)
        names.update(example.globs)
        assert not report, "".join(report)


def run_code(code: CodeType, names: dict[str, Any]) -> None:
    """Run a module, on an event loop where it awaits something."""
    if code.co_flags & inspect.CO_COROUTINE:
        asyncio.run(eval(code, names))
    else:
        exec(code, names)


def snippets(path: Path) -> Iterator[Snippet]:
    """Yield the blocks of a page that are to be run, in order."""
    text = path.read_text()
    for found in BLOCK.finditer(text):
        if found["mark"] or found["language"] == "pycon":
            line = text.count("\n", 0, found.start("text"))
            yield Snippet(path, line, found["language"], dedent(found["text"]))


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A module for snippets; the admins and the inspector that they register go with it."""
    admins = dict(admin.site._registry)
    module = ModuleType(MODULE)
    monkeypatch.setitem(sys.modules, MODULE, module)
    yield module
    admin.site._registry.clear()
    admin.site._registry.update(admins)
    unregister(f"{MODULE}.NotebookCache")


@pytest.mark.parametrize("path", [path for path in PAGES if any(snippets(path))], ids=page_id)
def test_snippets_run(path: Path, valkey_server: Server, settings: Any, module: ModuleType) -> None:
    names = vars(module)
    for snippet in snippets(path):
        text = snippet.text.replace(DOCUMENTED_SERVER, valkey_server.address)
        Snippet(path, snippet.line, snippet.language, text).run(names)
        if "CACHES" in names:
            settings.CACHES = names.pop("CACHES")
            assert [type(caches[alias]) for alias in settings.CACHES]
        if "CACHEX_ADMIN" in names:
            settings.CACHEX_ADMIN = names.pop("CACHEX_ADMIN")
            ids = {str(found.id) for found in run_checks()}
            assert not [name for name in ids if name.startswith("django_cachex.E")]


@pytest.mark.django_db
def test_the_example_inspector_serves_every_page(
    admin_client: Client, settings: Any, module: ModuleType
) -> None:
    for snippet in snippets(ROOT / "docs" / "inspectors.md"):
        snippet.run(vars(module))
        settings.CACHES = getattr(module, "CACHES", settings.CACHES)
    stored = "shop:1:user:1"
    for url in (
        addresses.caches(),
        addresses.info("default"),
        addresses.keys("default", q="user:*"),
        addresses.key("default", stored, mode="edit"),
        addresses.history("default", stored),
        addresses.delete("default", stored),
        addresses.add("default"),
    ):
        assert admin_client.get(url).status_code == 200
    form = {"mode": "set-ttl", "timeout": "", "never": "on"}
    assert admin_client.post(addresses.key("default", stored), form).status_code == 302
    assert inspector_for("default").describe([stored.encode()])[0].ttl == NEVER


@pytest.mark.parametrize("path", PAGES, ids=page_id)
def test_every_python_block_is_run(path: Path) -> None:
    blocks = len(re.findall(r"^ *```py", path.read_text(), re.MULTILINE))
    assert len(list(snippets(path))) == blocks


# Versions.


def supported_versions() -> dict[str, list[str]]:
    """Return the versions in the classifiers, by the name that people know."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found: dict[str, list[str]] = {"Python": [], "Django": []}
    for classifier in project["classifiers"]:
        match classifier.split(" :: "):
            case ["Programming Language", "Python", version] if "." in version:
                found["Python"].append(version)
            case ["Framework", "Django", version]:
                found["Django"].append(version)
    return found


@pytest.mark.parametrize("name", ["Python", "Django"])
def test_readme_names_the_supported_versions(name: str) -> None:
    *others, last = supported_versions()[name]
    assert f"{name} {', '.join(others)} and {last}." in (ROOT / "README.md").read_text()


def test_readme_names_every_extra() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    readme = (ROOT / "README.md").read_text()
    assert [name for name in project["optional-dependencies"] if f"`{name}`" not in readme] == []


# Tables.


def table(path: Path, first_header: str) -> list[list[str]]:
    """Return the rows of a page's table whose first header is this, the head left out."""
    lines = iter(path.read_text().splitlines())
    for line in lines:
        if line.startswith("|") and cells(line)[0] == first_header:
            next(lines)
            break
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append(cells(line))
    return rows


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


CACHES = {
    "cachex": {
        "BACKEND": "django_cachex.cache.ValkeyCache",
        "LOCATION": f"valkey://{DOCUMENTED_SERVER}/0",
    },
    "Django's RedisCache": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": f"redis://{DOCUMENTED_SERVER}/0",
    },
    "LocMemCache": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "DatabaseCache": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "t"},
    "FileBasedCache": {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": "f",
    },
    "DummyCache": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
    "limited": {"BACKEND": f"{ShelfCache.__module__}.ShelfCache", "LOCATION": "s"},
}


def documented_abilities() -> dict[str, tuple[str, list[bool]]]:
    """Return docs/abilities.md: ability -> what it is called, and whether each backend has it."""
    found = {}
    for label, *given in table(ROOT / "docs" / "abilities.md", "ability"):
        name, ability = re.fullmatch(r"(.+) \(`(can_\w+)`\)", label).groups()  # type: ignore[union-attr]  # or it fails
        found[ability] = (name, [not text.startswith("no") for text in given])
    return found


def test_abilities_are_those_of_the_inspectors(settings: Any) -> None:
    settings.CACHES = CACHES
    inspectors = [inspector_for(alias) for alias in CACHES]
    names = [name for name in vars(type(inspectors[0]).__mro__[-2]) if name.startswith("can_")]
    actual = {name: [getattr(one, name) for one in inspectors] for name in names}
    assert {name: given for name, (_label, given) in documented_abilities().items()} == actual


def test_readme_says_the_same_of_the_abilities() -> None:
    labels = dict(documented_abilities().values())
    on_request = labels.pop("Get key on request")
    labels["Get key"] = [a or b for a, b in zip(labels["Get key"], on_request, strict=True)]
    said = {
        label: [not text.startswith("no") for text in given]
        for label, *given in table(ROOT / "README.md", "")
    }
    assert said == labels


def test_settings_have_the_documented_defaults() -> None:
    limits = Limits()
    actual = {
        field.name.upper(): getattr(limits, field.name)
        for field in fields(Limits)
        if field.name != "aliases"
    }
    rows = table(ROOT / "docs" / "settings.md", "setting")
    assert {name.strip("`"): float(default) for name, default, *_rest in rows} == actual


def test_every_system_check_is_documented() -> None:
    sources = "".join(path.read_text() for path in SOURCE.rglob("*.py"))
    ids = set(re.findall(r'"(django_cachex\.[EW][0-9]{3})"', sources))
    rows = table(ROOT / "docs" / "checks.md", "id")
    assert {name.strip("`") for name, *_rest in rows} == ids


# Links and pictures.


@pytest.mark.parametrize("path", PAGES, ids=page_id)
def test_relative_links_lead_to_files(path: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text())
    assert [target for target in targets if not (path.parent / target).exists()] == []
