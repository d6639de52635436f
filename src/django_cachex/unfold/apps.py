from __future__ import annotations

from collections.abc import Mapping

from django.apps import apps

# The module is imported, not the class: with two app configurations in this module, Django would
# use neither.
from django_cachex.admin import apps as admin


class CachexUnfoldConfig(admin.CachexAdminConfig):
    """The cache admin in the style of django-unfold."""

    skin = "unfold"

    @property
    def classes(self) -> Mapping[str, str]:
        from django_cachex.unfold.css_classes import CLASSES

        return CLASSES

    def ready(self) -> None:
        super().ready()
        # Importing the modules registers them. They don't import Unfold: if it is missing, a
        # check says what to install.
        from django_cachex.unfold import checks, sidebar  # noqa: F401

        if apps.is_installed("unfold"):
            sidebar.link_stylesheet()
