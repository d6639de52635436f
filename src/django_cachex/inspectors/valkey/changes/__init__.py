"""Edits of keys in Valkey and Redis: each type's changes, and what applies them in one step."""

from django_cachex.inspectors.valkey.changes.apply import outcome_of
from django_cachex.inspectors.valkey.changes.target import Target

__all__ = ["Target", "outcome_of"]
