"""Caches in a database table (`DatabaseCache`)."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Collection, Hashable, Iterator, Sequence
from typing import Any, Final

from django.db import connections, router
from django.utils.translation import gettext as _

from django_cachex.inspectors.base import (
    GONE,
    KEEP,
    AddValue,
    Description,
    Entry,
    Fact,
    FlushPlan,
    Listing,
    Outcome,
    Result,
    Section,
    SetTtl,
    SetValue,
    Status,
    Unit,
)
from django_cachex.inspectors.content import fingerprint
from django_cachex.inspectors.database_table import CacheTable, placeholders
from django_cachex.inspectors.limits import limits
from django_cachex.inspectors.naming import decode_text, encode_text
from django_cachex.inspectors.patterns import Pattern
from django_cachex.inspectors.pickled import PickledInspector, key_at, timeout, token_at

MOST_COUNTED: Final = 100_000
"""Rows that are counted where the number is only by the way."""

MOST_KEYS: Final = 500
"""Keys named in one statement."""

LIVE: Final = "{expires} >= %s"
LIKE: Final = "{key} LIKE %s ESCAPE '!'"
