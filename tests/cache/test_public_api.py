"""What `dir()`, `help()` and `inspect` show of a cache and a pipeline."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from types import FunctionType
from typing import Any, get_type_hints

import pytest
from django.core.cache.backends.base import BaseCache

from django_cachex import cache as backends
from django_cachex.cache import Pipeline, ValkeyCache
from django_cachex.cache.backends import ServerCache
from django_cachex.cache.client import Client

DOCS = Path(__file__).parent.parent.parent / "docs"

PAGES = (
    "backends.md",
    "data-types.md",
    "keys-and-time.md",
    "locks.md",
    "migration.md",
    "stampedes.md",
)
"""The pages that are for users of a cache."""

BACKENDS = [
    backend
    for backend in map(vars(backends).get, backends.__all__)
    if isinstance(backend, type) and issubclass(backend, ServerCache)
]

LOCATION = "redis://127.0.0.1:1/1"

NOT_COMMANDS = {"close", "get_backend_timeout", "pipeline", "validate_key"}
"""Methods of a cache that send no command."""

NOT_ONE_COMMAND = {*NOT_COMMANDS, "driver_client", "execute_command"}
"""Methods of a cache without a page of Valkey's documentation."""


def made(backend: type[ServerCache]) -> ServerCache:
    options = {"sentinels": [("127.0.0.1", 1)]} if "Sentinel" in backend.__name__ else {}
    location = LOCATION.replace(":1/", "/") if options else LOCATION
    return backend(location, {"OPTIONS": options})


def public(one: object) -> set[str]:
    """Return the public names that are there; those that only say what to write instead aren't."""
    return {name for name in dir(one) if not name.startswith("_") and hasattr(one, name)}


def documented() -> set[str]:
    """Return what the pages call, as in `ttl(key)`, or name as part of a cache or a pipeline."""
    text = "\n".join((DOCS / page).read_text() for page in PAGES)
    code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL))
    return {*re.findall(r"(\w+)\(", code), *re.findall(r"\b(?:cache|pipe)\.(\w+)", code)}


def is_documented(name: str, names: set[str]) -> bool:
    """Return whether a name, or the one of which it is the asynchronous form, is in `names`."""
    return name in names or (name.startswith("a") and name[1:] in names)


@pytest.mark.parametrize("backend", BACKENDS)
def test_public_names_of_a_cache_are_djangos_and_the_documented_ones(
    backend: type[ServerCache],
) -> None:
    names = documented()
    own = public(made(backend)) - public(BaseCache({}))
    assert len(own) > 300
    assert [name for name in sorted(own) if not is_documented(name, names)] == []


def test_public_names_of_a_pipeline_are_the_documented_ones() -> None:
    names = documented() | public(BaseCache({}))
    own = public(made(ValkeyCache).pipeline())
    assert len(own) > 300
    assert [name for name in sorted(own) if not is_documented(name, names)] == []


def methods(kind: type) -> list[tuple[str, FunctionType]]:
    """Return the public methods of a class that this package defines."""
    found = [(name, inspect.getattr_static(kind, name)) for name in sorted(public(kind))]
    return [
        (name, method)
        for name, method in found
        if isinstance(method, FunctionType) and method.__module__.startswith("django_cachex.")
    ]


METHODS = methods(ValkeyCache)


def test_every_public_method_has_a_docstring() -> None:
    assert [name for name, method in METHODS if not (method.__doc__ or "").strip()] == []
    assert [name for name, method in methods(Pipeline) if not (method.__doc__ or "").strip()] == []


def test_docstrings_name_the_page_of_the_command() -> None:
    url = r"https://valkey\.io/commands/[a-z-]+/"
    page = re.compile(rf"^ *See {url}( and\s+{url})?$", re.MULTILINE)
    wrong = [
        name
        for name, method in METHODS
        if not is_documented(name, NOT_ONE_COMMAND) and not page.search(method.__doc__ or "")
    ]
    assert wrong == []


def test_docstrings_explain_optional_parameters() -> None:
    wrong = []
    for name, method in METHODS:
        for parameter in inspect.signature(method).parameters.values():
            is_optional = parameter.default is not parameter.empty
            is_optional |= parameter.kind is parameter.VAR_POSITIONAL
            if is_optional and not explains(method, parameter.name):
                wrong.append(f"{name}({parameter.name}=)")
    assert wrong == []


def explains(method: FunctionType, parameter: str) -> bool:
    """Return whether `parameter` stands before a colon in the section Args of the docstring."""
    _before, _title, section = (method.__doc__ or "").partition("Args:\n")
    heads = re.findall(r"^ +((?:\*{0,2}\w+(?:, )?)+): ", section, re.MULTILINE)
    return any(parameter in re.findall(r"\w+", head) for head in heads)


def test_help_on_set_explains_its_conditions() -> None:
    conditions = {"nx", "xx", "get", "keepttl"}
    for method in (ServerCache.set, ServerCache.aset, Client.set, Client.aset):
        assert all(explains(method, name) for name in conditions)
        assert conditions < inspect.signature(method).parameters.keys()


def test_docstrings_of_the_asynchronous_form_are_those_of_the_blocking_one() -> None:
    found = dict(METHODS)
    pairs = {name: (method, found.get(f"a{name}")) for name, method in METHODS}
    wrong = {name for name, (one, other) in pairs.items() if other and one.__doc__ != other.__doc__}
    assert wrong == set()


# Signatures.


def test_hset_shows_its_signature_and_what_it_returns() -> None:
    for method in (ValkeyCache.hset, ValkeyCache.ahset):
        parameters = list(inspect.signature(method).parameters)
        assert parameters == ["self", "key", "field", "value", "mapping", "items", "version"]
        assert inspect.signature(method, eval_str=True).return_annotation is int
        assert get_type_hints(method)["return"] is int
    assert not inspect.iscoroutinefunction(ValkeyCache.hset)
    assert inspect.iscoroutinefunction(ValkeyCache.ahset)


@pytest.mark.parametrize("kind", [ValkeyCache, Client, Pipeline])
def test_methods_show_results_rather_than_commands(kind: type) -> None:
    for name, method in methods(kind):
        for annotation in (
            inspect.signature(method).return_annotation,
            method.__annotations__["return"],
        ):
            assert not re.search(r"\b(Command|Operation)\b", str(annotation)), name


def test_methods_go_by_their_names() -> None:
    aliases = {"expire_at", "pexpire_at", "aexpire_at", "apexpire_at"}
    for kind in (ValkeyCache, Client, Pipeline):
        wrong = [name for name, method in methods(kind) if method.__name__ != name]
        assert set(wrong) <= aliases


def test_asynchronous_methods_take_what_the_blocking_ones_take() -> None:
    found: dict[str, Any] = dict(METHODS)
    for name, method in METHODS:
        if twin := found.get(f"a{name}"):
            one, other = inspect.signature(method), inspect.signature(twin)
            assert one.parameters == other.parameters, name


def test_the_backends_are_imported_without_settings() -> None:
    """A settings module may import a class of the package."""
    environment = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
    script = "import django_cachex.cache, django_cachex.inspectors"
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)
