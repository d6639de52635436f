"""Both skins are the same app: what other parts of Django find of it does not differ."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unfold.startup import AFTER_ADMIN, start

DESCRIBE = """
from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.staticfiles import finders
from django.core.management import call_command, get_commands
from django.template.loader import get_template
from django.urls import reverse

call_command("migrate", verbosity=0)
config = apps.get_app_config("django_cachex")
permissions = Permission.objects.filter(content_type__app_label="django_cachex")
admin_urls = {
    name: reverse(f"admin:django_cachex_{name}", args=args)
    for name, args in {
        "cache_changelist": (), "cache_change": ("a",), "cache_history": ("a",),
        "key_changelist": (), "key_add": (), "key_change": ("k",), "key_delete": ("k",),
        "key_history": ("k",),
    }.items()
}
print(json.dumps({
    "name": config.name,
    "label": config.label,
    "verbose name": str(config.verbose_name),
    "folder (templates, locale, commands)": config.path,
    "models": [[model._meta.label, model.__module__] for model in config.get_models()],
    "permissions": sorted(permissions.values_list("codename", flat=True)),
    "URLs": admin_urls,
    "commands": [name for name, app in get_commands().items() if app == config.name],
    "template": get_template("admin/django_cachex/caches.html").origin.name,
    "static files": [
        finders.find(f"django_cachex/{name}")
        for name in ("cachex.css", "cachex.js", "skins/admin.css", "skins/unfold.css")
    ],
}))
"""


@pytest.fixture(scope="module")
def skins() -> dict[str, dict[str, Any]]:
    """What is found of each skin, by the skin's name."""
    admin = ["django.contrib.admin", *AFTER_ADMIN]
    return {
        "admin": start(DESCRIBE, INSTALLED_APPS=[*admin, "django_cachex.admin"]),
        "unfold": start(DESCRIBE, INSTALLED_APPS=["unfold", *admin, "django_cachex.unfold"]),
    }


def test_both_skins_are_the_same_app(skins: dict[str, dict[str, Any]]) -> None:
    assert skins["unfold"] == skins["admin"]


def test_there_is_something_to_compare(skins: dict[str, dict[str, Any]]) -> None:
    found = skins["unfold"]
    assert found["label"] == "django_cachex"
    assert found["models"] == [
        ["django_cachex.Cache", "django_cachex.admin.models"],
        ["django_cachex.Key", "django_cachex.admin.models"],
    ]
    assert found["permissions"] == [
        *("add_key", "change_cache", "change_key", "delete_key", "view_cache", "view_key")
    ]
    assert found["URLs"]["key_add"] == "/admin/django_cachex/key/add/"
    assert all(path.endswith((".css", ".js")) for path in found["static files"])
