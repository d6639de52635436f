"""A single value as a page shows it: in one of its views, as far as was asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from django_cachex.admin import humane
from django_cachex.admin.folds import Fold, folded
from django_cachex.admin.parts import Action
from django_cachex.conf import limits
from django_cachex.inspectors.values import Content, Excerpt

STEP = 4
"""How many times as much *Load more* shows."""

FOLDED = ("json", "pickle")


@dataclass(frozen=True)
class ValueView:
    """One look at a value."""

    content: Content
    asked: str
    """The view that was asked for, whatever it was."""

    action: Callable[..., Action]
    """Makes a control of a name, a label, and what it asks this page for."""

    can_load: bool = False
    """Whether more than the limits say can be asked for."""

    @property
    def names(self) -> dict[str, str]:
        """The ways to look at the value, the best first, with what they are called."""
        stored = {"text": _("Text"), "hex": _("Hex")}
        if not self.content.hex.total and self.content.formatted.total:
            return {"formatted": _("Formatted")}  # Its stored bytes are not known.
        if self.content.kind == "bytes":
            return {"hex": _("Hex"), "text": _("Text")}
        return {"formatted": _("Formatted"), **stored}

    @property
    def name(self) -> str:
        names = self.names
        return self.asked if self.asked in names else next(iter(names))

    @property
    def excerpt(self) -> Excerpt:
        shown: Excerpt = getattr(self.content, self.name)
        return shown

    def views(self) -> Sequence[Action]:
        """Return the controls that lead to the views; none where there is one only."""
        names = self.names
        if len(names) == 1:
            return ()
        current = self.name
        return [
            self.action(f"view-{name}", label, current=name == current, view=name)
            for name, label in names.items()
        ]

    def folds(self) -> Sequence[Fold]:
        if self.name != "formatted" or self.content.kind not in FOLDED:
            return ()
        return folded(self.excerpt.text)

    def halves(self) -> tuple[str, str]:
        """Return what the page showed before *Load more* was pressed, and what that brought."""
        text, before = self.excerpt.text, self.excerpt.shown // STEP
        if before < limits().preview_bytes:
            return text, ""
        at = before if self.name == "formatted" else len(text) * before // self.excerpt.shown
        return text[:at], text[at:]

    def cut(self) -> str:
        """Return how much of the value is shown, where it is not all."""
        excerpt = self.excerpt
        if not excerpt.truncated:
            return ""
        counts = {"shown": humane.number(excerpt.shown), "total": humane.number(excerpt.total)}
        if excerpt.open_ended:
            return _("First %(shown)s of more than %(total)s characters shown.") % counts
        if self.name == "formatted" and self.content.kind != "large":
            return _("First %(shown)s of %(total)s characters shown.") % counts
        return _("First %(shown)s of %(total)s bytes shown.") % counts

    def more(self) -> Sequence[Action]:
        """Return the control that shows more of the value, where there is more to be had."""
        shown, most = self.excerpt.shown, limits().decode_bytes
        if not (self.can_load and self.excerpt.truncated) or shown >= most:
            return ()
        count = min(shown * STEP, most)
        return [
            self.action("load-more", _("Load more"), at="cx-more", view=self.name, shown=str(count))
        ]
