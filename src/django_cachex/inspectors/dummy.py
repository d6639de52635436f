"""Inspector of `DummyCache`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from django.utils.translation import gettext_lazy as _

from django_cachex.inspectors.base import Inspector, Support
from django_cachex.inspectors.info import Text

STORES_NOTHING: Final = _("This cache doesn't store anything.")


class DummyInspector(Inspector):
    """Show the configuration. There are no keys to list, read or change."""

    support = Support.WRAPPED
    unsupported_reasons = dict.fromkeys(
        (
            "can_list",
            "can_get",
            "can_add",
            "can_edit",
            "can_delete",
            "can_ttl",
            "can_type",
            "can_info",
            "can_flush",
        ),
        STORES_NOTHING,
    )

    def notes(self) -> Sequence[Text]:
        return (_("DummyCache doesn't store anything. It is meant for development."),)
