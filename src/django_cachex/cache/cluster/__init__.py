"""A cluster: which node has which keys, and how commands find their way to it."""

from django_cachex.cache.cluster.cluster import Cluster, ClusterClient

__all__ = ["Cluster", "ClusterClient"]
