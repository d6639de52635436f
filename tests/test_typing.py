"""What type checkers say to somebody who calls a command wrongly.

`make check` runs them on tests/typing, which holds what they are to see; here they read a program.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

PROGRAM = """\
from django_cachex.cache import Pipeline, ValkeyCache


async def use(cache: ValkeyCache, pipe: Pipeline) -> None:
    cache.hget("key", "field", version=2)
    await cache.ahget("key", "field", version=2)
    pipe.hget("key", "field", version=2)
    cache.hget("key", feild="field")
    cache.hget("key", ["field"])
    await cache.ahget("key", "field", verison=2)
    await cache.ahget("key", None)
    pipe.hget("key")
    pipe.hget("key", {"field"})
    number: int = pipe.hlen("key")
    text: str = cache.hlen("key")
"""

WRONG = [8, 9, 10, 11, 12, 13, 14, 15]
"""The lines of the program that are mistakes."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "checker", [["mypy", "--strict", "--no-incremental"], ["pyright"]], ids=["mypy", "pyright"]
)
def test_mistakes_are_found_and_nothing_else(tmp_path: Path, checker: list[str]) -> None:
    name, *options = checker
    pytest.importorskip(name, reason=f"{name} comes with the group “check”")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    if name == "pyright":
        options = ["--pythonpath", sys.executable]
    done = subprocess.run(
        [sys.executable, "-m", name, *options, str(program)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if "program.py:" in line and "error" in line]
    found = {int(line.partition("program.py:")[2].partition(":")[0]) for line in lines}
    assert sorted(found) == WRONG, done.stdout + done.stderr
