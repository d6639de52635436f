"""What type checkers see of protection from stampedes; checked by mypy, never run."""

from typing import Any, assert_type

from django_cachex.cache import ValkeyCache
from django_cachex.cache.stampede import Protection


async def protected(cache: ValkeyCache) -> None:
    assert_type(cache.get_or_set("key", list, 5, stampede_protection=True), Any)
    cache.get_or_set("key", list, stampede_protection={"early": 5, "lease": 0.5})
    await cache.aget_or_set("key", list, stampede_protection=Protection(early=5))
    cache.get_or_set("key", list, stampede_protection="yes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    cache.get_or_set("key", list, protection=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
