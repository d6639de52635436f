"""Certificates for servers on 127.0.0.1, made when a test needs one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def certificate(folder: Path) -> tuple[str, str]:
    """Return the paths of a new certificate that is its own authority, and of its key."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not installed")
    made, key = str(folder / "cert.pem"), str(folder / "key.pem")
    request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    request += ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = [program, *request, "-keyout", key, "-out", made]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return made, key
