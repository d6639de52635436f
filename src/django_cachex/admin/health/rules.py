"""All rules, in the order of the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from django_cachex.admin.health.backend_rules import BACKEND_RULES
from django_cachex.admin.health.key_rules import KEY_RULES
from django_cachex.admin.health.report import Rule
from django_cachex.admin.health.server_rules import SERVER_RULES

RULES: Final[Sequence[Rule]] = (*BACKEND_RULES, *KEY_RULES, *SERVER_RULES)
