"""Clusters: their nodes and slots, and the routing of commands."""

from django_cachex.cache.cluster.cluster import Cluster, ClusterClient

__all__ = ["Cluster", "ClusterClient"]
