"""Pickles, read without executing them: see `read_pickle`."""

from django_cachex.inspectors.pickles.bounds import Bounds
from django_cachex.inspectors.pickles.exactness import why_not_json
from django_cachex.inspectors.pickles.reading import Pickled, read_pickle
from django_cachex.inspectors.pickles.tree import Cut, Opaque, Reference, Tree
from django_cachex.inspectors.pickles.walk import bounded

__all__ = [
    "Bounds",
    "Cut",
    "Opaque",
    "Pickled",
    "Reference",
    "Tree",
    "bounded",
    "read_pickle",
    "why_not_json",
]
