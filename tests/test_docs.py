"""What the documentation says, held against the code: snippets run, tables are compared.

A fenced block of Python after ``<!-- run -->`` is run; one of ``pycon`` is run and its results are
compared. A block that begins with the name of a file, as ``# notebook/cache.py``, is that file; the
others of a page are one module, and CACHES that one of them sets is in force from there on, on a
real Valkey in place of the documented address.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.test import Client

from django_cachex.admin.health.rules import RULES
from django_cachex.cache import ValkeyCache
from django_cachex.conf import Limits
from django_cachex.inspectors import inspector_for, unregister
from django_cachex.inspectors.types import TTL_NONE
from tests.admin import addresses
from tests.admin.strangers import ClearableShelfCache
from tests.commands.data_types.samples import EVERY
from tests.servers import Server
from tests.snippets import Reader, snippets

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "django_cachex"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
DOCUMENTED_SERVER = "127.0.0.1:6379"
EXAMPLE = "notebook"
"""The package of the example in docs/inspectors.md."""
PACKAGES = (EXAMPLE, "failover", "shop")
"""The packages that pages write."""


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


@pytest.fixture
def reader(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    """Somebody who follows a page; the admins, modules and inspector of its blocks go with it."""
    admins = dict(admin.site._registry)
    monkeypatch.syspath_prepend(tmp_path)
    yield Reader(tmp_path, settings)
    admin.site._registry.clear()
    admin.site._registry.update(admins)
    unregister(f"{EXAMPLE}.cache.NotebookCache")
    unregister("failover.cache.FailoverCache")
    for name in [name for name in sys.modules if name.partition(".")[0] in PACKAGES]:
        del sys.modules[name]


@pytest.mark.parametrize("path", [path for path in PAGES if any(snippets(path))], ids=page_id)
def test_snippets_run(path: Path, valkey_server: Server, reader: Reader) -> None:
    for snippet in snippets(path, replace=(DOCUMENTED_SERVER, valkey_server.address)):
        reader.follow(snippet)


@pytest.mark.django_db
def test_the_example_inspector_serves_every_page(admin_client: Client, reader: Reader) -> None:
    for snippet in snippets(ROOT / "docs" / "inspectors.md"):
        reader.follow(snippet)
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
    form = {"mode": "set-ttl", "timeout": "never"}
    assert admin_client.post(addresses.key("default", stored), form).status_code == 302
    assert inspector_for("default").describe([stored.encode()])[0].ttl == TTL_NONE


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
    "Memcached": {
        "BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache",
        "LOCATION": "127.0.0.1:11211",
    },
    "diskcache": {"BACKEND": "diskcache.DjangoCache"},
    "limited": {"BACKEND": f"{ShelfCache.__module__}.ShelfCache", "LOCATION": "s"},
}


def documented_abilities() -> dict[str, tuple[str, list[bool]]]:
    """Return docs/abilities.md: ability -> what it is called, and whether each backend has it."""
    found = {}
    for label, *given in table(ROOT / "docs" / "abilities.md", "ability"):
        name, ability = re.fullmatch(r"(.+) \(`(can_\w+)`\)", label).groups()  # type: ignore[union-attr]  # or it fails
        found[ability] = (name, [not text.startswith("no") for text in given])
    return found


def test_abilities_are_those_of_the_inspectors(settings: Any, tmp_path: Path) -> None:
    settings.CACHES = {**CACHES, "diskcache": {**CACHES["diskcache"], "LOCATION": str(tmp_path)}}
    inspectors = [inspector_for(alias) for alias in CACHES]
    names = [name for name in vars(type(inspectors[0]).__mro__[-2]) if name.startswith("can_")]
    actual = {name: [getattr(one, name) for one in inspectors] for name in names}
    assert {name: given for name, (_label, given) in documented_abilities().items()} == actual


def test_readme_says_the_same_of_the_abilities() -> None:
    labels = dict(documented_abilities().values())
    on_request = labels.pop("Get key on request")
    labels["Get key"] = [a or b for a, b in zip(labels["Get key"], on_request, strict=True)]
    both = zip(labels["Rename key"], labels["Copy key"], strict=True)
    labels["Rename and copy key"] = [a and b for a, b in both]
    said = {
        label: [not text.startswith("no") for text in given]
        for label, *given in table(ROOT / "README.md", "")
    }
    assert said == {label: labels[label] for label in said}
    assert {"List keys", "Get key", "Delete key", "Edit key", "Flush cache"} <= set(said)


def test_settings_have_the_documented_defaults() -> None:
    limits = Limits()
    actual = {
        field.name.upper(): getattr(limits, field.name)
        for field in fields(Limits)
        if isinstance(getattr(limits, field.name), int | float)
    }
    rows = table(ROOT / "docs" / "settings.md", "setting")
    assert {name.strip("`"): float(default) for name, default, *_rest in rows} == actual


def documented_commands() -> dict[str, list[str]]:
    """Return docs/data-types.md: command -> the names of its arguments, `version` left out."""
    page = (ROOT / "docs" / "data-types.md").read_text()
    found = {}
    for row in [line for line in page.splitlines() if line.startswith("| `")]:
        for name, arguments in re.findall(r"`([a-z_]+)\(([^`]*)\)`", cells(row)[0]):
            found[name] = re.findall(r"\*?([a-z_]+)(?:=[^,]*)?(?:, |$)", arguments)
    return found


def test_every_command_on_data_types_is_documented_with_its_arguments() -> None:
    conditions = {"nx", "xx", "gt", "lt"}
    actual = {}
    for name in [*EVERY, "hscan_iter", "sscan_iter", "zscan_iter"]:
        parameters = list(inspect.signature(getattr(ValkeyCache, name)).parameters)
        shared = {"version"} | (conditions if "expire" in name else set())
        actual[name] = [one for one in parameters[1:] if one not in shared]
    assert documented_commands() == actual


def test_every_system_check_is_documented() -> None:
    sources = "".join(path.read_text() for path in SOURCE.rglob("*.py"))
    ids = set(re.findall(r'"(django_cachex\.[EW][0-9]{3})"', sources))
    rows = table(ROOT / "docs" / "checks.md", "id")
    assert {name.strip("`") for name, *_rest in rows} == ids


def test_every_finding_is_documented() -> None:
    rows = table(ROOT / "docs" / "health.md", "finding")
    assert [(id.strip("`"), text) for id, text in rows] == [
        (rule.id, rule.description) for rule in RULES
    ]


# Messages.


def messages() -> set[str]:
    """Return every text of the source, with … where something is filled in."""
    templates = "".join(path.read_text() for path in SOURCE.rglob("*.html"))
    found = set(re.findall(r'translate "([^"]*)"', templates))
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            parts = node.values if isinstance(node, ast.JoinedStr) else [node]
            texts = [part.value if isinstance(part, ast.Constant) else None for part in parts]
            if any(isinstance(text, str) for text in texts):
                found.add("".join(text if isinstance(text, str) else "…" for text in texts))
    return {re.sub(r"%\(\w+\)[a-z]|\{\w+\}", "…", text) for text in found}


def test_messages_in_troubleshooting_are_those_of_the_code() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    quoted = [" ".join(text.split()) for text in re.findall(r"\*\*(.+?)\*\*", page, re.DOTALL)]
    said = messages()
    assert quoted
    assert [text for text in quoted if not any(text in message for message in said)] == []


# Links and pictures.


@pytest.mark.parametrize("path", PAGES, ids=page_id)
def test_relative_links_lead_to_files(path: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text())
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_what_is_claimed_of_a_get_is_what_was_measured() -> None:
    page = (ROOT / "docs" / "benchmarks" / "calls.md").read_text()
    claims = {
        "quarter": (page.partition("### str of 100 bytes, TCP")[2], 1),
        "fortieth": (page.partition("## On an event loop, over TCP")[2], 3),
    }
    parts = {"quarter": 1 / 4, "fortieth": 1 / 40}
    readme = (ROOT / "README.md").read_text()
    for word, (section, column) in claims.items():
        ours, theirs = (
            float(
                re.search(rf"^\| {re.escape(name)} \|.*$", section, re.M)[0]
                .split("|")[column + 1]
                .split()[0]
            )
            for name in ("ValkeyCache (ours)", "Django's RedisCache")
        )
        assert word in readme
        assert 0.8 < ours / theirs / parts[word] < 1.25


def test_the_walks_of_the_architecture_lead_to_what_exists() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    steps = re.findall(r"`([\w/]+\.py):([\w.]+)`", text)
    assert len(steps) >= 20
    for path, name in steps:
        found: Any = importlib.import_module("django_cachex." + path[:-3].replace("/", "."))
        for part in name.split("."):
            found = getattr(found, part)
    for path in re.findall(r"`((?:\w+/)*\w+\.(?:py|html))`", text):
        assert [*SOURCE.rglob(path), *ROOT.glob(path)], path
