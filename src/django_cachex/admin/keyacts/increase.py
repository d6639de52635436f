"""Adding to a number, whatever it is by then."""

from __future__ import annotations

import math
import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import humane
from django_cachex.admin.access import INCREASE
from django_cachex.admin.forms import FocusedForm
from django_cachex.admin.keyacts.base import KeyAct, Subject
from django_cachex.admin.keyacts.value import is_number
from django_cachex.inspectors.edits import Edit, Increase, Outcome

WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
DECIMAL = re.compile(
    r"[+-]?([0-9]{1,300}(\.[0-9]{0,300})?|\.[0-9]{1,300})(e[+-]?[0-9]{1,3})?", re.I
)
MOST = 2**63
"""What servers count to."""

ATTRS = {"inputmode": "decimal", "size": 20, "autocomplete": "off", "dir": "ltr", "autofocus": ""}


class NumberField(forms.CharField):
    """A number as it is typed in code; a whole one where nothing else counts."""

    def __init__(self, *, whole: bool, **kwargs: Any) -> None:
        super().__init__(widget=forms.TextInput(attrs=ATTRS), **kwargs)
        self.whole = whole

    def clean(self, value: Any) -> int | float:
        text = super().clean(value)
        given = {"given": text[:50]}
        if WHOLE.fullmatch(text):
            number: int | float = int(text)
        elif DECIMAL.fullmatch(text) and not self.whole:
            number = float(text)
        elif self.whole:
            problem = _('Enter a whole number, negative to decrease. You entered "%(given)s".')
            raise ValidationError(problem % given)
        else:
            problem = _('Enter a number, such as 2.5 or -2.5. You entered "%(given)s".')
            raise ValidationError(problem % given)
        if not math.isfinite(number) or (self.whole and not -MOST <= number < MOST):
            raise ValidationError(_("That is more than a counter can hold."))
        return number


class IncreaseForm(FocusedForm):
    def __init__(self, data: Any = None, *, whole: bool) -> None:
        super().__init__(data)
        self.fields["by"] = NumberField(
            whole=whole,
            label=_("Increase by"),
            initial="1",
            help_text=_("A minus decreases. It is added to whatever the key holds by then."),
        )


class IncreaseValue(KeyAct[IncreaseForm]):
    opens, applies, act = "increase", "add-number", INCREASE
    offered_in, place = "value", "head"
    reads_value = True
    label = gettext_lazy("Increase by…")
    title = gettext_lazy("Increase the number")
    submit = gettext_lazy("Increase")

    def suits(self, subject: Subject) -> bool:
        return is_number(subject)

    def form(self, subject: Subject, data: Any = None) -> IncreaseForm:
        content = subject.content
        return IncreaseForm(data, whole=content is None or type(content.value) is int)

    def edit(self, subject: Subject, form: IncreaseForm) -> Edit | Outcome | None:
        by = form.cleaned_data["by"]
        return Increase(by) if by else None

    def said(self, subject: Subject, form: IncreaseForm, outcome: Outcome | None) -> str:
        return _("Increased by %(by)s.") % {"by": form.cleaned_data["by"]}

    def report(self, subject: Subject, form: IncreaseForm, outcome: Outcome) -> str:
        text = self.said(subject, form, outcome)
        if outcome.number is None:
            return text
        return f"{text} {_('It is %(number)s now.') % {'number': humane.exact(outcome.number)}}"
