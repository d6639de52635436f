"""The fenced blocks of a page, and somebody who follows them in order."""

from __future__ import annotations

import ast
import asyncio
import doctest
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from types import CodeType
from typing import Any

from django.core.cache import caches
from django.core.checks import run_checks

BLOCK = re.compile(
    r"^(?P<mark>[ ]*<!-- run -->\n)?(?P<indent>[ ]*)```(?P<language>python|pycon)\n"
    r"(?P<text>.*?)^(?P=indent)```$",
    re.DOTALL | re.MULTILINE,
)

FILE = re.compile(r"# ((?:\w+/)+\w+\.py)\n")
"""The first line of a block that is a file of its own."""


@dataclass(frozen=True)
class Snippet:
    """A fenced block and where it begins."""

    path: Path
    line: int
    language: str
    text: str

    @property
    def file(self) -> str:
        """The file that the block is, relative to the project; empty for one that is none."""
        named = FILE.match(self.text)
        return named[1] if named else ""

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
            self.text, names, self.path.name, str(self.path), self.line
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


def snippets(path: Path, replace: tuple[str, str] = ("", "")) -> Iterator[Snippet]:
    """Yield the blocks of a page that are to be run, in order, a text in them replaced."""
    page = path.read_text()
    for found in BLOCK.finditer(page):
        if found["mark"] or found["language"] == "pycon":
            line = page.count("\n", 0, found.start("text"))
            text = dedent(found["text"])
            yield Snippet(path, line, found["language"], text.replace(*replace))


@dataclass
class Reader:
    """Follows a page: files are written where it says, its other blocks are one module.

    What a block sets of Django's settings is in force from there on.
    """

    folder: Path
    """A folder that modules are imported from."""

    settings: Any
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "page"})

    def follow(self, snippet: Snippet) -> None:
        if snippet.file:
            self._write(self.folder / snippet.file, snippet.text)
        else:
            snippet.run(self.names)
            self._configure()

    def _write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text(text)

    def _configure(self) -> None:
        given = self.names.pop("INSTALLED_APPS", ())
        own = [app for app in given if (self.folder / app).is_dir()]
        if own:
            self.settings.INSTALLED_APPS = [*self.settings.INSTALLED_APPS, *own]
        if "CACHES" in self.names:
            self.settings.CACHES = self.names.pop("CACHES")
            assert [type(caches[alias]) for alias in self.settings.CACHES]
        if "CACHEX_ADMIN" in self.names:
            self.settings.CACHEX_ADMIN = self.names.pop("CACHEX_ADMIN")
            ids = {str(found.id) for found in run_checks()}
            assert not [name for name in ids if name.startswith("django_cachex.E")]
