"""Inspector of `DatabaseCache`."""

from django_cachex.inspectors.database.inspector import DatabaseInspector

__all__ = ["DatabaseInspector"]
