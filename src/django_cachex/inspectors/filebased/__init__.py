"""Caches in a folder of files (`FileBasedCache`)."""

from django_cachex.inspectors.filebased.inspector import FileBasedInspector

__all__ = ["FileBasedInspector"]
