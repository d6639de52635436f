"""Which change an edit is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django_cachex.inspectors import edits
from django_cachex.inspectors import element_edits as elements
from django_cachex.inspectors.valkey.changes import (
    adding,
    hashes,
    lists,
    sets,
    sorted_sets,
    streams,
    strings,
)
from django_cachex.inspectors.valkey.changes.guarded import Change
from django_cachex.inspectors.valkey.changes.target import Target

Make = Callable[[Target, Any, list[bytes]], Change]
"""Makes a change of a key, an edit and the names of the elements that the edit is about."""

CHANGES: Final[dict[type, tuple[str, Make]]] = {
    edits.SetValue: ("string", strings.set_value),
    edits.Increase: ("string", strings.increase),
    elements.AddKey: ("", adding.add_key),
    elements.PushItems: ("list", lists.push_items),
    elements.InsertItem: ("list", lists.insert_item),
    elements.SetItem: ("list", lists.set_item),
    elements.PopItems: ("list", lists.pop_items),
    elements.TrimList: ("list", lists.trim_list),
    elements.AddMembers: ("set", sets.add_members),
    elements.AddScored: ("zset", sorted_sets.add_scored),
    elements.SetScore: ("zset", sorted_sets.set_score),
    elements.AddFields: ("hash", hashes.add_fields),
    elements.SetField: ("hash", hashes.set_field),
    elements.RenameField: ("hash", hashes.rename_field),
    elements.SetFieldTtl: ("hash", hashes.set_field_ttl),
    elements.AddEntry: ("stream", streams.add_entry),
    elements.TrimStream: ("stream", streams.trim_stream),
}

BY_TYPE: Final[dict[tuple[type, str], Make]] = {
    (elements.RemoveElements, "list"): lists.remove_items,
    (elements.RemoveElements, "set"): sets.remove_members,
    (elements.RemoveElements, "zset"): sorted_sets.remove_members,
    (elements.RemoveElements, "hash"): hashes.remove_fields,
    (elements.RemoveElements, "stream"): streams.remove_entries,
    (elements.RenameMember, "set"): sets.rename_member,
    (elements.RenameMember, "zset"): sorted_sets.rename_member,
    (elements.PopMembers, "set"): sets.pop_members,
    (elements.PopMembers, "zset"): sorted_sets.pop_members,
}


def change_of(edit: edits.Edit) -> tuple[str, Make] | None:
    """Return the type that an edit is about and what makes its change, or None if none does."""
    type_ = getattr(edit, "type", "")
    if make := BY_TYPE.get((type(edit), type_)):
        return type_, make
    return CHANGES.get(type(edit))
