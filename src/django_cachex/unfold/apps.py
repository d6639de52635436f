from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from django.apps import apps

# The module is imported, not the class: with two app configurations in this module, Django would
# use neither.
from django_cachex.admin import apps as admin


class CachexUnfoldConfig(admin.CachexAdminConfig):
    """The cache admin in the style of django-unfold."""

    skin = "unfold"

    @cached_property
    def classes(self) -> Mapping[str, str]:
        return {control: " ".join(names) for control, names in make_css_classes().items()}

    def ready(self) -> None:
        super().ready()
        # Importing the modules registers them. They don't import Unfold: if it is missing, a
        # check says what to install.
        from django_cachex.unfold import checks, sidebar  # noqa: F401

        if apps.is_installed("unfold"):
            sidebar.link_stylesheet()


def make_css_classes() -> dict[str, list[str]]:
    """Return the CSS classes of each kind of control.

    They are Unfold's own constants, and our lists where it has none.
    """
    from unfold import widgets

    primary = list(widgets.BUTTON_CLASSES)
    plain = [
        *("border", "border-base-200", "rounded-default", "shadow-xs", "px-3", "py-2"),
        *("bg-white", "font-medium", "text-center", "text-important", "whitespace-nowrap"),
        *("cursor-pointer", "dark:bg-transparent", "dark:border-base-700"),
    ]
    tab = [
        *("flex", "flex-row", "font-medium", "items-center", "px-2.5", "py-[5px]"),
        "rounded-default",
    ]
    return {
        "button": plain,
        "primary": primary,
        "danger": ["bg-red-600" if name == "bg-primary-600" else name for name in primary],
        "danger_quiet": [*plain, "text-red-600", "dark:text-red-500"],
        "quiet": [
            *("font-medium", "px-2.5", "py-2", "rounded-default", "text-primary-600"),
            *("hover:text-primary-700", "dark:text-primary-400"),
        ],
        "tab": [*tab, "hover:bg-base-700/[.04]", "dark:hover:bg-white/[.06]"],
        "tab_current": [*tab, "bg-white", "shadow-xs", "dark:bg-base-700"],
        "label": widgets.LABEL_CLASSES,
        "tick_label": widgets.CHECKBOX_LABEL_CLASSES,
        "text": widgets.INPUT_CLASSES,
        "textarea": widgets.TEXTAREA_CLASSES,
        "select": widgets.SELECT_CLASSES,
        "checkbox": widgets.CHECKBOX_CLASSES,
        "switch": widgets.SWITCH_CLASSES,
    }
