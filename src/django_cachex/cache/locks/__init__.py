"""Locks and semaphores."""

from django_cachex.cache.locks.lock import AsyncLock, Lock
from django_cachex.cache.locks.semaphore import AsyncSemaphore, Semaphore

__all__ = ["AsyncLock", "AsyncSemaphore", "Lock", "Semaphore"]
