"""What the help panels of one key's pages say: looking, saving, its elements, adding another."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from django_cachex.admin.components import Topic
from django_cachex.admin.helptopics import backend, names, permissions
from django_cachex.inspectors import Inspector


def key_help(inspector: Inspector) -> Sequence[Topic]:
    return [
        Topic(
            _("The value"),
            [
                _(
                    "Values are decoded without running any of the code that they name: what is "
                    "not plain data appears as a label with its contents."
                ),
                _(
                    "Formatted shows the value, JSON objects and arrays indented, and blocks of "
                    "large ones that can be closed; Text and Hex show the stored bytes. Load "
                    "more shows further."
                ),
                _(
                    "Edit is offered where saving what is shown would store exactly the same "
                    "value. Where it is not, the page says why, and Replace value stores another "
                    "in its place."
                ),
                *(
                    [_("Increase by adds to a number, whatever it is by then.")]
                    if inspector.can_incr
                    else []
                ),
            ],
        ),
        Topic(
            _("Saving"),
            [
                _(
                    "A value is saved only if the key is still as it was when you opened it. If "
                    "it has changed since, you see both."
                ),
                _(
                    "The TTL stays as it is unless you give another. Every change is recorded "
                    "under History, without the value."
                ),
            ],
        ),
        *_elements(inspector),
        *_whole_key(inspector),
        names(),
        *backend(inspector),
        permissions(
            _("view_key or change_key: see this page. change_key: edit the value, or elements."),
            _("change_cache: change the TTL. delete_key: delete the key."),
            _("add_key: copy it; with change_key, over another key. add_key, delete_key: rename."),
        ),
    ]


def _elements(inspector: Inspector) -> list[Topic]:
    """Return how lists, sets, hashes, sorted sets and streams are read and changed."""
    if not inspector.can_edit_elements:
        return []
    return [
        Topic(
            _("Elements"),
            [
                _(
                    "Go to an index of a list, a range of scores, an id or a moment of a stream; "
                    "search fields and members by any part, or with * for anything. The page says "
                    "how many were examined."
                ),
                _(
                    "A row's controls change that row alone, as long as it is what you saw. "
                    "Others may change other rows meanwhile."
                ),
                _(
                    "While a list is pushed to and popped from, its items move: changing one is "
                    "then refused rather than done to another."
                ),
                _("With its last element a key goes, but for a stream, which stays empty."),
            ],
        )
    ]


def _whole_key(inspector: Inspector) -> list[Topic]:
    """Return what can be done to a key as a whole, as far as this backend can."""
    said = {
        "can_rename": _("Rename gives the key another name; its TTL goes with it."),
        "can_copy": _(
            "Copy key stores the same under another name, or in another cache that can hold it, "
            "to expire at the same time."
        ),
        "can_expire": _(
            "Change TTL sets a number of seconds or a moment, adds time, or removes the expiry, "
            "and says in words what that means before you save."
        ),
        "can_download": _(
            "Download gives the stored bytes of a string, and of other types the server's own "
            "DUMP, which RESTORE reads."
        ),
    }
    sentences = [text for ability, text in said.items() if getattr(inspector, ability)]
    return [Topic(_("The whole key"), sentences)] if sentences else []


def add_help(inspector: Inspector) -> Sequence[Topic]:
    return [
        Topic(
            _("The fields"),
            [
                _(
                    "Key Name: what application code calls the key; the prefix and version of "
                    "this cache are put before it."
                ),
                _(
                    "Value: text that starts with { or [ is read as JSON, other text is stored "
                    "as it stands, spaces included. Store as decides it explicitly."
                ),
                *(
                    [
                        _(
                            "Type: a string holds one value. Other types begin with the elements "
                            "that you type, one a line; Store as holds for each of them."
                        )
                    ]
                    if inspector.creatable_types
                    else []
                ),
                _("Timeout: whole seconds. Left empty, the default of this cache applies."),
                _("A key that exists is not overwritten unless you say so."),
            ],
        ),
        *backend(inspector),
        permissions(_("add_key: add keys. change_key as well: replace one that exists.")),
    ]
