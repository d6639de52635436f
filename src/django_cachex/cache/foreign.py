"""Names that callers of django-redis and django-valkey know, with the line to write here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Never, NoReturn, TypedDict


class Elsewhere:
    """A name of theirs that there is not: whoever uses it is told what to write."""

    def __init__(self, advice: str) -> None:
        self._advice = advice
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, owner: object, kind: type | None = None) -> NoReturn:
        raise AttributeError(f"There is no {self._name} here. {self._advice}")


PIPELINE = (
    "For several commands in one round trip write: pipe = cache.pipeline(); pipe.set(key, value); "
    "pipe.execute()."
)
NO_CLIENT = (
    "Write cache.eval_script(…) or the command itself, as in cache.hget(key, field); what has no "
    "method is sent by a client of the driver that the project makes for itself."
)


class ForeignNames:
    """What their caches have and ours do not."""

    get_lock = Elsewhere("Write cache.lock(key, timeout=30).")
    aget_lock = Elsewhere("Write cache.alock(key, timeout=30).")
    mget = Elsewhere("Write cache.get_many(keys).")
    mset = Elsewhere("Write cache.set_many(data).")
    make_pattern = Elsewhere("Write cache.iter_keys(pattern) or cache.delete_pattern(pattern).")
    get_client_class = Elsewhere(NO_CLIENT)


class ForeignClientNames:
    """What their clients have and ours do not: the driver's own client, mostly."""

    get_client = Elsewhere(f"{PIPELINE} {NO_CLIENT}")
    get_client_with_index = Elsewhere(NO_CLIENT)
    get_next_client_index = Elsewhere(NO_CLIENT)
    connect = Elsewhere("Leave it out: connections are made when they are needed, and kept.")
    disconnect = Elsewhere("Leave it out: connections are made when they are needed, and kept.")
    do_close_clients = Elsewhere("Leave it out: connections are kept between requests.")


ARGUMENTS = {
    "client": f"{PIPELINE} {NO_CLIENT}",
    "ignore_key_check": "Write cache.add(key, 0, timeout) before cache.incr(key).",
}


class Foreign(TypedDict, total=False):
    """Arguments of theirs, which type checkers refuse, and `refuse` at the call."""

    client: Never
    ignore_key_check: Never


def refuse(names: Iterable[str]) -> None:
    """Raise TypeError for an argument that ours do not take."""
    for name in names:
        raise TypeError(f"There is no argument “{name}” here. {ARGUMENTS.get(name, '')}".strip())
