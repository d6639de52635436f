"""A value that was decoded, and the words for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from django_cachex.inspectors.content.editing import Editing, json_text
from django_cachex.inspectors.content.notation import notation
from django_cachex.inspectors.pickles import Opaque, Reference, Tree, why_not_json

Kind = Literal["empty", "integer", "text", "json", "bytes", "pickle", "msgpack", "large"]
Text = str | Promise

JSON_WORDS: dict[type, Text] = {
    type(None): _("None"),
    bool: _("boolean"),
    float: _("number"),
    list: _("JSON"),
    dict: _("JSON"),
}


@dataclass(frozen=True, slots=True)
class Decoded:
    """What stored bytes turned out to be."""

    kind: Kind
    label: Text
    formatted: str
    editing: Editing
    value: Tree = None
    notes: tuple[Text, ...] = ()
    open_ended: bool = False
    """Whether there is more than `formatted`, and nobody knows how much."""


def described(tree: Tree) -> tuple[Kind, Text]:
    """Return a value's kind and a word for it."""
    match tree:
        case bool() | None:
            return "json", JSON_WORDS[type(tree)]
        case int():
            return "integer", _("integer")
        case str():
            return "text", _("text")
        case bytes():
            return "bytes", _("bytes")
        case _ if not why_not_json(tree):
            return "json", JSON_WORDS[type(tree)]
        case _:
            return "pickle", type_name(tree)


def type_name(tree: Tree) -> Text:
    match tree:
        case Opaque(name="builtins.int", args=(str() as written,)) if (
            written.lstrip("-")[:2] == "0x"
        ):
            return _("an integer of very many digits")
        case Opaque(name=name):
            return name
        case Reference(name=name):
            return format_lazy(_("a reference to {name}"), name=name)
        case _:
            return type(tree).__name__


def formatted(tree: Tree) -> str:
    if type(tree) is str:
        return tree
    return notation(tree) if why_not_json(tree) else json_text(tree)
