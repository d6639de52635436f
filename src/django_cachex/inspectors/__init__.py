"""Inspectors: one interface to every cache backend. See `Inspector` and `register`."""

from django_cachex.inspectors.base import Inspector
from django_cachex.inspectors.registry import inspector_for, register, unregister

__all__ = ["Inspector", "inspector_for", "register", "unregister"]
