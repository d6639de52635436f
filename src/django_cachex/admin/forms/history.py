"""The form that searches the history of a cache."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy

from django_cachex.admin.forms.base import CODE_ATTRS


def search_input(**attrs: str) -> forms.TextInput:
    return forms.TextInput(attrs={"type": "search", "autocomplete": "off", **attrs})


class HistoryForm(forms.Form):
    """Parts of the names of keys and users."""

    key = forms.CharField(
        label=gettext_lazy("Key contains"),
        max_length=200,
        required=False,
        widget=search_input(**CODE_ATTRS),
    )
    user = forms.CharField(
        label=gettext_lazy("User contains"), max_length=200, required=False, widget=search_input()
    )
