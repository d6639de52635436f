"""The actions on a key that its page offers, in one table."""

from collections.abc import Sequence
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from django_cachex.admin.forms.elements import TrimListForm, TrimStreamForm
from django_cachex.admin.key_actions.base import KeyAction, KeyContext, PageArea, RequiredPermission
from django_cachex.admin.key_actions.elements import (
    AddFieldAction,
    AddItemAction,
    AddMemberAction,
    AddScoredMemberAction,
    AppendEntryAction,
    ChangeFieldTtlAction,
    ChangeScoreAction,
    EditElementAction,
    InsertItemAction,
    PopAction,
    RemoveElementsAction,
    RenameFieldAction,
    TrimAction,
)
from django_cachex.admin.key_actions.key import (
    ChangeTtlAction,
    CopyKeyAction,
    EditValueAction,
    IncreaseValueAction,
    RenameKeyAction,
    ReplaceValueAction,
)
from django_cachex.admin.key_actions.remove import RemoveElementAction
from django_cachex.inspectors.info import Unit

__all__ = [
    "ACTIONS_BY_FORM_MODE",
    "ACTIONS_BY_SUBMIT_MODE",
    "KEY_ACTIONS",
    "KeyAction",
    "KeyContext",
    "PageArea",
    "RequiredPermission",
    "available_actions",
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
    PopAction(form_mode="pop-items", submit_mode="take-items", types=("list",), unit=Unit.ITEMS),
    PopAction(
        form_mode="pop-members",
        submit_mode="take-members",
        types=("set", "zset"),
        unit=Unit.MEMBERS,
    ),
    TrimAction(
        form_mode="trim-list",
        submit_mode="cut-list",
        types=("list",),
        title=_("Trim list"),
        form_class=TrimListForm,
        unit=Unit.ITEMS,
    ),
    TrimAction(
        form_mode="trim-stream",
        submit_mode="cut-stream",
        types=("stream",),
        title=_("Trim stream"),
        form_class=TrimStreamForm,
        unit=Unit.ENTRIES,
    ),
    EditElementAction(
        form_mode="edit-field",
        submit_mode="set-field",
        types=("hash",),
        title=_("Edit field"),
        value_label="%(name)s",
        done=_('Field "%(name)s" changed'),
    ),
    EditElementAction(
        form_mode="edit-item",
        submit_mode="set-item",
        types=("list",),
        title=_("Edit item"),
        object_label=_("item %(index)s"),
        value_label=_("Item %(index)s"),
        done=_("Item %(index)s changed"),
    ),
    EditElementAction(
        form_mode="edit-member",
        submit_mode="set-member",
        types=("set", "zset"),
        title=_("Edit member"),
        value_label=_("Member"),
        done=_("Member changed"),
    ),
    ChangeScoreAction(),
    RenameFieldAction(),
    ChangeFieldTtlAction(),
    InsertItemAction(),
    RemoveElementAction(
        form_mode="remove-field",
        submit_mode="drop-field",
        types=("hash",),
        title=_('Remove field "%(name)s"?'),
        done=_('Field "%(name)s" removed.'),
    ),
    RemoveElementAction(
        form_mode="remove-item",
        submit_mode="drop-item",
        types=("list",),
        title=_("Remove item %(name)s?"),
        object_label=_("item %(index)s"),
        done=_("Item %(name)s removed."),
    ),
    RemoveElementAction(
        form_mode="remove-member",
        submit_mode="drop-member",
        types=("set", "zset"),
        title=_('Remove "%(name)s"?'),
        done=_("Member removed."),
    ),
    RemoveElementAction(
        form_mode="remove-entry",
        submit_mode="drop-entry",
        types=("stream",),
        title=_("Remove entry %(name)s?"),
        done=_("Entry %(name)s removed."),
    ),
    RemoveElementsAction(),
)
"""In the order in which a page offers them."""

ACTIONS_BY_FORM_MODE: Final = {
    action.form_mode: action for action in KEY_ACTIONS if action.form_mode
}
ACTIONS_BY_SUBMIT_MODE: Final = {action.submit_mode: action for action in KEY_ACTIONS}


def available_actions(context: KeyContext, area: PageArea) -> list[KeyAction[Any]]:
    """Return the actions of an area of the page that the user can open the form of."""
    return [
        action
        for action in KEY_ACTIONS
        if action.form_mode and action.control_area == area and action.is_available(context)
    ]
