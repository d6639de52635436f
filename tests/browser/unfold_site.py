"""Addresses of an admin with the caches and, to compare them with, pages that are all Unfold's."""

from __future__ import annotations

from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from django.urls import path, reverse_lazy
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.sites import UnfoldAdminSite

from django_cachex.admin.admin import CacheAdmin, KeyAdmin
from django_cachex.admin.models import Cache, Key

LABELS = {"up": "success", "down": "danger", "limited": "warning", "cachex": "primary"}
"""What Unfold calls the kind of a label of this text."""

UNFOLD = {
    "TABS": [
        {
            "models": ["auth.user"],
            "items": [
                {"title": "Users", "link": reverse_lazy("admin:auth_user_changelist")},
                {"title": "Groups", "link": reverse_lazy("admin:auth_group_changelist")},
            ],
        }
    ]
}
"""The setting that gives the list of users tabs."""


class Users(UserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "up", "down", "limited", "cachex", "wrapped")

    @display(label=LABELS)
    def up(self, user: User) -> str:
        return "up"

    @display(label=LABELS)
    def down(self, user: User) -> str:
        return "down"

    @display(label=LABELS)
    def limited(self, user: User) -> str:
        return "limited"

    @display(label=LABELS)
    def cachex(self, user: User) -> str:
        return "cachex"

    @display(label=LABELS)
    def wrapped(self, user: User) -> str:
        return "wrapped"


site = UnfoldAdminSite(name="admin")
site.register(Cache, CacheAdmin)
site.register(Key, KeyAdmin)
site.register(User, Users)
site.register([Group, LogEntry], ModelAdmin)

urlpatterns = [path("admin/", site.urls)]
