"""Replies that stand in a batch with refusals among them, as `Client.collect` returns them."""

from __future__ import annotations

from typing import TypeVar

from django_cachex.commands import AccessDenied, CommandError, UnknownCommand

T = TypeVar("T")

DENIED = (AccessDenied, UnknownCommand)
"""What an ACL, or a service that hides commands, answers: that figure is lost, not the page."""


def required(result: T | CommandError) -> T:
    """Return a result that nothing can be shown without; raise the refusal in its place."""
    if isinstance(result, CommandError):
        raise result
    return result


def permitted(result: T | CommandError) -> T | None:
    """Return a result, or None where the command is denied; raise other refusals."""
    if isinstance(result, DENIED):
        return None
    return required(result)
