from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import cast

from django.apps import AppConfig, apps
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

LABEL = "django_cachex"

PLAIN_CLASSES = {
    "button": "cx-button",
    "primary": "cx-button cx-primary",
    "danger_quiet": "cx-button cx-danger-quiet",
    "text": "cx-input",
    "quiet": "cx-button cx-quiet",
}


class CachexAdminConfig(AppConfig):
    """The cache admin in Django's style; `django_cachex.unfold` subclasses it for Unfold's."""

    default = True
    name = "django_cachex.admin"
    label = LABEL
    verbose_name = _("Caches")
    default_auto_field = "django.db.models.BigAutoField"
    skin = "admin"
    """The name of the skin's folder of template parts and of its stylesheet."""

    @property
    def classes(self) -> Mapping[str, str]:
        """The `class` attribute of each kind of control, for the templates that the skins share."""
        return PLAIN_CLASSES

    def __init__(self, app_name: str, app_module: ModuleType | None) -> None:
        super().__init__(app_name, app_module)
        if LABEL in apps.app_configs and apps.app_configs[LABEL] is not self:
            raise ImproperlyConfigured(
                'INSTALLED_APPS contains both "django_cachex.admin" and "django_cachex.unfold". '
                "Use only one of them: they offer the same pages in different styles."
            )

    def ready(self) -> None:
        # Importing the module registers the checks.
        from django_cachex.admin import checks  # noqa: F401  # It registers them.


def app_config() -> CachexAdminConfig:
    """Return the app configuration of the installed skin."""
    return cast(CachexAdminConfig, apps.get_app_config(LABEL))
