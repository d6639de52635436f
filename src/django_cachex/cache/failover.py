"""What a server that has become a replica refused, and may be sent once more to the new primary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django_cachex.commands.command import Command, is_repeatable
from django_cachex.commands.exceptions import CommandError, ReadOnlyError


def refused(commands: Sequence[Command[Any]], replies: Sequence[Any]) -> bool:
    """Return whether a replica refused `commands`, and what it ran may be sent once more."""
    if ReadOnlyError not in map(type, replies):
        return commands[-1].args[0] == "EXEC" and all_refused(replies[-1])
    if str(replies[-1]).startswith("EXECABORT"):
        return True
    answered = zip(commands, replies, strict=True)
    return is_repeatable([one for one, reply in answered if type(reply) is not ReadOnlyError])


def all_refused(reply: Any) -> bool:
    """Return whether a replica refused each command of a transaction, scripts, when it ran them."""
    return bool(reply) and isinstance(reply, list) and {ReadOnlyError}.issuperset(map(type, reply))


def changed_nothing(replies: Sequence[Any]) -> bool:
    """Return whether a step was one command that was refused: what follows is as good as first."""
    return len(replies) == 1 and isinstance(replies[0], CommandError)
