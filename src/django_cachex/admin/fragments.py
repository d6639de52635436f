"""The fragments that the project's templates cache with the tag `{% cache %}`.

Templates are split into their tags, but neither compiled nor rendered.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.cache.utils import make_template_fragment_key
from django.template import engines
from django.template.backends.django import DjangoTemplates
from django.template.base import Lexer, TokenType
from django.template.loaders import filesystem, locmem

from django_cachex.commands.text import one_line

FRAGMENT_PREFIX: Final = "template.cache."
"""What the keys of fragments begin with: see `make_template_fragment_key`."""

FRAGMENTS_ALIAS: Final = "template_fragments"

MAX_TEMPLATES: Final = 20_000
MAX_TEMPLATE_BYTES: Final = 1024 * 1024


@dataclass(frozen=True)
class Fragment:
    """A fragment that a template declares."""

    name: str
    timeout: str
    """The expression for the timeout in seconds."""

    vary_on: tuple[str, ...]
    """The expressions for the values that it varies on."""

    using: str
    """The expression for the alias of the cache; empty for the default."""

    template: str = ""
    """The path of the template below the folder of templates."""

    line: int = 0

    @property
    def place(self) -> str:
        return f"{self.template}:{self.line}"

    @property
    def id(self) -> str:
        """Tells the fragments of one project apart, in URLs."""
        return f"{self.place}:{self.name}"

    @property
    def alias(self) -> str | None:
        """The alias of the cache that stores it, or None if only rendering can tell."""
        if not self.using:
            return default_fragments_alias()
        is_literal = len(self.using) > 2 and self.using[0] == self.using[-1] in "\"'"
        return self.using[1:-1] if is_literal else None

    @property
    def pattern(self) -> str:
        """The pattern of the keys of all variants."""
        return f"{FRAGMENT_PREFIX}{self.name}.*"

    def make_key(self, values: Sequence[str]) -> str:
        """Return the key of the variant for these values, as text."""
        return make_template_fragment_key(self.name, values)


def default_fragments_alias() -> str:
    """Return the alias of the cache that stores fragments, unless a tag names another."""
    return FRAGMENTS_ALIAS if FRAGMENTS_ALIAS in settings.CACHES else "default"


def get_fragment_name(key: str) -> str:
    """Return the name of the fragment that a key belongs to, or an empty string."""
    return key.removeprefix(FRAGMENT_PREFIX).rpartition(".")[0]


def find_fragments() -> list[Fragment]:
    """Return the fragments of all templates of Django's engines, in the order of their names.

    At most `MAX_TEMPLATES` files are read, each again only if it has changed.
    """
    files = dict(islice(_iter_files(), MAX_TEMPLATES))
    found = [
        fragment
        for path, (template, charset) in files.items()
        for fragment in _read_file(path, template, charset)
    ]
    found += [one for name, source in _iter_sources() for one in parse_fragments(source, name)]
    return sorted(found, key=lambda fragment: (fragment.name, fragment.place))


def parse_fragments(source: str, template: str) -> Iterator[Fragment]:
    """Yield the fragments in the source of a template."""
    is_comment = False
    for token in Lexer(source).tokenize():
        if token.token_type != TokenType.BLOCK:
            continue
        tag, *arguments = token.split_contents() or [""]
        if is_comment or tag == "comment":
            is_comment = tag != "endcomment"
        elif tag == "cache" and len(arguments) >= 2:
            yield _make_fragment(arguments, template, token.lineno or 0)


def _make_fragment(arguments: Sequence[str], template: str, line: int) -> Fragment:
    """Return the fragment of a tag: see `django.templatetags.cache.do_cache`."""
    timeout, name, *vary_on = arguments
    using = ""
    if vary_on and vary_on[-1].startswith("using="):
        using = vary_on.pop().removeprefix("using=")
    return Fragment(name, timeout, tuple(vary_on), using, template, line)


def _iter_loaders() -> Iterator[Any]:
    """Yield the loaders of Django's engines, also those within a cached loader."""
    for backend in engines.all():
        if isinstance(backend, DjangoTemplates):
            yield from _flatten(backend.engine.template_loaders)


def _flatten(loaders: Iterable[Any]) -> Iterator[Any]:
    for loader in loaders:
        yield loader
        yield from _flatten(getattr(loader, "loaders", ()))


def _iter_sources() -> Iterator[tuple[str, str]]:
    """Yield the names and sources of templates that the settings contain."""
    for loader in _iter_loaders():
        if isinstance(loader, locmem.Loader):
            yield from loader.templates_dict.items()


def _iter_files() -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield the paths of templates, with their names and their charset."""
    for loader in _iter_loaders():
        if not isinstance(loader, filesystem.Loader):
            continue
        for folder in map(str, loader.get_dirs()):
            for parent, folders, files in os.walk(folder):
                folders.sort()
                for name in sorted(files):
                    path = os.path.join(parent, name)
                    template = Path(os.path.relpath(path, folder)).as_posix()
                    yield path, (one_line(template), str(loader.engine.file_charset))


def _read_file(path: str, template: str, charset: str) -> Sequence[Fragment]:
    """Return the fragments in a file; none if it can't be read."""
    try:
        status = os.stat(path)
        if status.st_size > MAX_TEMPLATE_BYTES or not stat.S_ISREG(status.st_mode):
            return ()
        return _parse_file(path, template, charset, (status.st_mtime_ns, status.st_size))
    except OSError:
        return ()


@lru_cache(maxsize=MAX_TEMPLATES)
def _parse_file(
    path: str, template: str, charset: str, changed: tuple[int, int]
) -> tuple[Fragment, ...]:
    """Return the fragments in a file, which is read again when `changed` differs."""
    source = Path(path).read_bytes()
    if b"cache" not in source:
        return ()
    return tuple(parse_fragments(source.decode(charset, "replace"), template))
