"""Help panels: the template of each page's help, and what its conditions depend on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django_cachex.admin import formatting
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.info import Text

EXPLAINED_ABILITIES = (
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


@dataclass(frozen=True)
class HelpPanel:
    """The help of one page. The templates in `help/` read its properties as `help.…`."""

    page: str
    """The name of the template, without its directory and suffix."""

    inspector: Inspector | None = None
    """The cache that the page is about; None for pages whose help is the same for every cache."""

    @property
    def template(self) -> str:
        return f"admin/django_cachex/help/{self.page}.html"

    @property
    def unsupported(self) -> list[Text]:
        """Why this backend lacks some abilities, each reason once."""
        if self.inspector is None:
            return []
        reasons = [
            self.inspector.unsupported_reasons[ability]
            for ability in EXPLAINED_ABILITIES
            if not getattr(self.inspector, ability)
            and ability in self.inspector.unsupported_reasons
        ]
        return list(dict.fromkeys(reasons))

    @property
    def upgrade_hint(self) -> Text:
        """How to get more features from this backend, or an empty string."""
        return self.inspector.upgrade_hint if self.inspector else ""

    @property
    def filters(self) -> Collection[str]:
        return self.inspector.filters if self.inspector else ()

    @property
    def search_bytes(self) -> str:
        """The size of the largest value that a search in values reads."""
        return formatting.format_size(limits().search_bytes)

    @property
    def columns(self) -> Collection[str]:
        """The columns that can be shown in addition to type, TTL and size."""
        return self.inspector.optional_columns if self.inspector else ()

    @property
    def has_scopes(self) -> bool:
        """Whether keys of other versions or of the whole database can be listed."""
        return self.inspector is not None and len(self.inspector.scopes) > 1

    @property
    def has_types(self) -> bool:
        """Whether keys of types other than string can be added."""
        return self.inspector is not None and bool(self.inspector.creatable_types)
