from __future__ import annotations

from collections.abc import Mapping

from django.apps import apps

# The module, not the class: of two configurations in one namespace Django would choose neither.
from django_cachex.admin import apps as admin


class CachexUnfoldConfig(admin.CachexAdminConfig):
    """The cache admin, drawn with django-unfold's components."""

    skin = "unfold"

    @property
    def classes(self) -> Mapping[str, str]:
        from django_cachex.unfold.css_classes import CLASSES

        return CLASSES

    def ready(self) -> None:
        super().ready()
        # Registers itself. Nothing here imports Unfold: without it, a check says what to install.
        from django_cachex.unfold import checks, sidebar  # noqa: F401

        if apps.is_installed("unfold"):
            sidebar.link_stylesheet()
