"""LocMemCache: one process's memory."""

from __future__ import annotations

import os
import pickle
import threading
import time
import uuid
from typing import Any

import pytest

from django_cachex.inspectors.base import (
    NEVER,
    AddValue,
    Result,
    SetValue,
)
from django_cachex.inspectors.patterns import Pattern
from tests.inspectors.contract import (
    ABILITIES,
    HOSTILE_KEYS,
    FlushContract,
    Inspect,
    ListingContract,
    later,
    listed,
)
from tests.inspectors.values_contract import TtlContract

MODULE = "django.core.cache.backends.locmem"


class TestLocMem(ListingContract, TtlContract, FlushContract):
    abilities = ABILITIES - {"can_get_unsafely", "can_type"}
    hostile_keys = (*HOSTILE_KEYS, "lone \ud800 surrogate", "nul \0 byte")

    @pytest.fixture
    def params(self) -> dict[str, Any]:
        return {"BACKEND": f"{MODULE}.LocMemCache", "LOCATION": uuid.uuid4().hex}
