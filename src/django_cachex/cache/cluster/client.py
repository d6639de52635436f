"""A client of a cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from django_cachex.cache.client import Client
from django_cachex.cache.cluster.cluster import Cluster
from django_cachex.cache.configuration import locations


class ClusterClient(Client):
    """Commands on a cluster. LOCATION names one node, or several in case that one is down."""

    @classmethod
    def of(
        cls,
        driver: str,
        location: str | Sequence[str],
        options: Mapping[str, Any],
        overrides: Mapping[str, Any] | None = None,
    ) -> Self:
        return cls(Cluster.of(driver, locations(location), options, overrides or {}))
