"""Filling stores in seconds: through the driver, or in SQL."""

from __future__ import annotations

import base64
import pickle
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import valkey
from django.core.cache import caches
from django.utils.timezone import now, timedelta

from tests import servers
