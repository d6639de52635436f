"""Any cache, one interface: see `Inspector`, and `register` to bring your own."""

from django_cachex.inspectors.base import Inspector
from django_cachex.inspectors.registry import inspector_for, register, unregister

__all__ = ["Inspector", "inspector_for", "register", "unregister"]
