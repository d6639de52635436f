"""The users of the demo; the password of each is the user name."""

from __future__ import annotations

from django.contrib.auth.models import Permission, User

VIEW = ("view_cache", "view_key")
STAFF = {
    "support": VIEW,
    "editor": (*VIEW, "add_key", "change_key", "delete_key"),
    "oncall": (*VIEW, "change_cache"),
}


def create_users() -> None:
    """Create or reset the superuser `admin` and the users in `STAFF`."""
    _create("admin", is_superuser=True)
    permissions = {
        permission.codename: permission
        for permission in Permission.objects.filter(content_type__app_label="django_cachex")
    }
    for name, codenames in STAFF.items():
        _create(name).user_permissions.set(permissions[codename] for codename in codenames)


def _create(name: str, is_superuser: bool = False) -> User:
    user, _ = User.objects.get_or_create(username=name)
    user.is_active = user.is_staff = True
    user.is_superuser = is_superuser
    user.set_password(name)
    user.save()
    return user
