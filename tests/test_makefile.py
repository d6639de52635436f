import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_make_alone_lists_every_command() -> None:
    text = (ROOT / "Makefile").read_text()
    (names,) = re.findall(r"^\.PHONY: (.+)$", text, re.MULTILINE)
    listing = subprocess.run(
        ["make", "--silent"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    listed = re.findall(r"^make (\S+) +\S", listing, re.MULTILINE)
    assert listed == names.split()
