"""What every help panel ends with: what the backend cannot do and why, who may do what."""

from __future__ import annotations

from django.utils.translation import gettext as _

from django_cachex.admin.components import Topic
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.info import Text

EXPLAINED = (
    "can_list",
    "can_get",
    "can_edit",
    "can_delete",
    "can_ttl",
    "can_expire",
    "can_rename",
    "can_copy",
    "can_type",
    "can_info",
    "can_flush",
)


def backend(inspector: Inspector) -> list[Topic]:
    """Return what this backend cannot do and why; nothing for one that can do everything."""
    missing: list[Text] = [
        inspector.unsupported_reasons[ability]
        for ability in EXPLAINED
        if not getattr(inspector, ability) and ability in inspector.unsupported_reasons
    ]
    if inspector.can_get_unsafely:
        missing.append(
            _("A backend of your own can have its full abilities: register an inspector for it.")
        )
    return [Topic(_("This backend"), list(dict.fromkeys(missing)))] if missing else []


def permissions(*sentences: str) -> Topic:
    return Topic(_("Permissions"), [*sentences, _("Superusers need none of them.")])


def names() -> Topic:
    """Return how the names of keys are written."""
    return Topic(
        _("Names"),
        [
            _(
                "What cannot be seen as what it is is written with a backslash: \\n and \\x00 are "
                "control characters, \\xff is a byte that is no text, \\u200b an invisible "
                "character, \\u0301 an accent that a letter has in one character as well. A "
                "backslash of the name that could be taken for one of these is written twice."
            ),
            _("A very long name is cut in the middle; its own page copies the whole of it."),
        ],
    )
