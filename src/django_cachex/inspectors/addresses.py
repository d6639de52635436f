"""Addresses as the system resolves them, so that two spellings of one place are alike."""

from __future__ import annotations

import os
import socket


def resolve(host: str, port: int) -> frozenset[str]:
    """Return `host:port` for each address that a name stands for; none for an unknown name."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return frozenset()
    return frozenset(f"{numeric!s}:{port}" for *_kind, (numeric, *_rest) in found)


def file_id(path: str) -> str:
    """Return what all paths of one file, folder or socket have in common."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return f"file:{os.path.realpath(path)}"
    return f"file:{found.st_dev}:{found.st_ino}"
