"""CSS classes of Unfold's controls: its own constants, and our lists where it has none."""

from __future__ import annotations

from unfold import widgets

PRIMARY_BUTTON = widgets.BUTTON_CLASSES
DANGER_BUTTON = ["bg-red-600" if name == "bg-primary-600" else name for name in PRIMARY_BUTTON]
PLAIN_BUTTON = [
    *("border", "border-base-200", "rounded-default", "shadow-xs", "px-3", "py-2"),
    *("bg-white", "font-medium", "text-center", "text-important", "whitespace-nowrap"),
    *("cursor-pointer", "dark:bg-transparent", "dark:border-base-700"),
]
TAB = ["flex", "flex-row", "font-medium", "items-center", "px-2.5", "py-[5px]", "rounded-default"]

CONTROLS = {
    "button": PLAIN_BUTTON,
    "primary": PRIMARY_BUTTON,
    "danger": DANGER_BUTTON,
    "danger_quiet": [*PLAIN_BUTTON, "text-red-600", "dark:text-red-500"],
    "tab": [*TAB, "hover:bg-base-700/[.04]", "dark:hover:bg-white/[.06]"],
    "tab_current": [*TAB, "bg-white", "shadow-xs", "dark:bg-base-700"],
    "label": widgets.LABEL_CLASSES,
    "tick_label": widgets.CHECKBOX_LABEL_CLASSES,
    "text": widgets.INPUT_CLASSES,
    "textarea": widgets.TEXTAREA_CLASSES,
    "select": widgets.SELECT_CLASSES,
    "checkbox": widgets.CHECKBOX_CLASSES,
    "switch": widgets.SWITCH_CLASSES,
}
CLASSES = {control: " ".join(names) for control, names in CONTROLS.items()}
"""The `class` attribute of each kind of control, for the templates of the skin."""
