"""Windows of what a key holds: each type's pages, and single elements."""

from django_cachex.inspectors.valkey.reading.elements import read_element
from django_cachex.inspectors.valkey.reading.values import read

__all__ = ["read", "read_element"]
