"""The actions on a key that its page offers: one class each, in one table."""

from collections.abc import Sequence
from typing import Any, Final

from django_cachex.admin.key_actions.base import KeyAction, KeyContext, PageArea, RequiredPermission
from django_cachex.admin.key_actions.elements import RemoveElementsAction
from django_cachex.admin.key_actions.hashes import (
    AddFieldAction,
    ChangeFieldTtlAction,
    EditFieldAction,
    RenameFieldAction,
)
from django_cachex.admin.key_actions.key import (
    ChangeTtlAction,
    CopyKeyAction,
    EditValueAction,
    IncreaseValueAction,
    RenameKeyAction,
    ReplaceValueAction,
)
from django_cachex.admin.key_actions.lists import (
    AddItemAction,
    EditItemAction,
    InsertItemAction,
    PopItemsAction,
    TrimListAction,
)
from django_cachex.admin.key_actions.sets import (
    AddMemberAction,
    AddScoredMemberAction,
    ChangeScoreAction,
    EditMemberAction,
    PopMembersAction,
)
from django_cachex.admin.key_actions.streams import AppendEntryAction, TrimStreamAction

__all__ = [
    "ACTIONS_BY_FORM_MODE",
    "ACTIONS_BY_SUBMIT_MODE",
    "KEY_ACTIONS",
    "KeyAction",
    "KeyContext",
    "PageArea",
    "RequiredPermission",
]

KEY_ACTIONS: Final[Sequence[KeyAction[Any]]] = (
    RenameKeyAction(),
    CopyKeyAction(),
    ChangeTtlAction(),
    IncreaseValueAction(),
    EditValueAction(),
    ReplaceValueAction(),
    AddFieldAction(),
    AddItemAction(),
    AddMemberAction(),
    AddScoredMemberAction(),
    AppendEntryAction(),
    PopItemsAction(),
    PopMembersAction(),
    TrimListAction(),
    TrimStreamAction(),
    EditFieldAction(),
    EditItemAction(),
    EditMemberAction(),
    ChangeScoreAction(),
    RenameFieldAction(),
    ChangeFieldTtlAction(),
    InsertItemAction(),
    RemoveElementsAction(),
)
"""In the order in which a page offers them."""

ACTIONS_BY_FORM_MODE: Final = {
    action.form_mode: action for action in KEY_ACTIONS if action.form_mode
}
ACTIONS_BY_SUBMIT_MODE: Final = {action.submit_mode: action for action in KEY_ACTIONS}
