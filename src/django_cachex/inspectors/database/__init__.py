"""Caches in a database table (`DatabaseCache`)."""

from django_cachex.inspectors.database.inspector import DatabaseInspector

__all__ = ["DatabaseInspector"]
