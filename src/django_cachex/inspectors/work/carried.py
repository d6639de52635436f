"""What a page has room for: texts and names in a state, by the bytes that JSON makes of them."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import Any


def length(part: Any) -> int:
    """Return the bytes that a part of a state takes: an emoji takes twelve, a quote two."""
    return len(json.dumps(part))


def spelled(stored: bytes) -> str:
    """Return a stored key as a state has it: a third longer, whatever its bytes are."""
    return b64encode(stored).decode()


def unspelled(text: str) -> bytes:
    """Return the stored key in a state."""
    return b64decode(text)
