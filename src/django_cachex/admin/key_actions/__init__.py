"""What can be done to a key from its page: one class for each act, in one table."""

from collections.abc import Sequence
from typing import Any, Final

from django_cachex.admin.key_actions.base import KeyAct, Need, Place, Subject
from django_cachex.admin.key_actions.elements import RemoveRows
from django_cachex.admin.key_actions.hashes import (
    AddField,
    ChangeFieldTtl,
    EditField,
    RenameOneField,
)
from django_cachex.admin.key_actions.key import (
    ChangeTtl,
    CopyKey,
    EditValue,
    IncreaseValue,
    RenameKey,
    ReplaceValue,
)
from django_cachex.admin.key_actions.lists import AddItem, EditItem, InsertBeside, PopItem, Trim
from django_cachex.admin.key_actions.sets import (
    AddMember,
    AddScoredMember,
    ChangeScore,
    EditMember,
    PopMember,
)
from django_cachex.admin.key_actions.streams import AppendEntry, Shorten

__all__ = ["ACTS", "APPLYING", "OPENING", "KeyAct", "Need", "Place", "Subject"]

ACTS: Final[Sequence[KeyAct[Any]]] = (
    RenameKey(),
    CopyKey(),
    ChangeTtl(),
    IncreaseValue(),
    EditValue(),
    ReplaceValue(),
    AddField(),
    AddItem(),
    AddMember(),
    AddScoredMember(),
    AppendEntry(),
    PopItem(),
    PopMember(),
    Trim(),
    Shorten(),
    EditField(),
    EditItem(),
    EditMember(),
    ChangeScore(),
    RenameOneField(),
    ChangeFieldTtl(),
    InsertBeside(),
    RemoveRows(),
)
"""In the order in which a page offers them."""

OPENING: Final = {act.opens: act for act in ACTS if act.opens}
APPLYING: Final = {act.applies: act for act in ACTS}
