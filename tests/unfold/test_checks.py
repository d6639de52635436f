"""What a project lacks for the Unfold skin is said at start-up, with the line to change."""

from __future__ import annotations

import pytest

from tests.unfold.startup import AFTER_ADMIN, start

CHECK = """
from django.core.checks import run_checks
ours = [one for one in run_checks() if (one.id or "").startswith("django_cachex.")]
print(json.dumps([[one.id, one.msg, one.hint, one.is_serious()] for one in ours]))
"""

UNFOLD, BASIC = "unfold", "unfold.apps.BasicAppConfig"
ADMIN, SIMPLE = "django.contrib.admin", "django.contrib.admin.apps.SimpleAdminConfig"
PLAIN_SKIN, UNFOLD_SKIN = "django_cachex.admin", "django_cachex.unfold"


def checked(*apps: str, not_installed: tuple[str, ...] = ()) -> list[tuple[str, str, str, bool]]:
    """Return id, message, hint and seriousness of what is said of a project with these apps."""
    found = start(CHECK, INSTALLED_APPS=[*apps, *AFTER_ADMIN], not_installed=not_installed)
    return [tuple(one) for one in found]


@pytest.mark.parametrize(
    "apps",
    [
        (UNFOLD, ADMIN, UNFOLD_SKIN),
        (UNFOLD_SKIN, BASIC, SIMPLE),
        (ADMIN, PLAIN_SKIN),
    ],
)
def test_a_project_as_documented_passes(apps: tuple[str, ...]) -> None:
    assert checked(*apps) == []


@pytest.mark.parametrize("not_installed", [(), ("unfold",)])
def test_a_missing_unfold_is_named(not_installed: tuple[str, ...]) -> None:
    [(id, message, hint, serious)] = checked(ADMIN, UNFOLD_SKIN, not_installed=not_installed)
    assert (id, serious) == ("django_cachex.E005", True)
    assert "django-unfold is not" in message
    assert "pip install django-unfold" in hint
    assert 'put "unfold" before "django.contrib.admin"' in hint


@pytest.mark.parametrize("unfold", [UNFOLD, BASIC])
@pytest.mark.parametrize("admin", [ADMIN, SIMPLE])
def test_an_unfold_after_the_admin_is_named(unfold: str, admin: str) -> None:
    [(id, _message, hint, serious)] = checked(admin, UNFOLD_SKIN, unfold)
    assert (id, serious) == ("django_cachex.E006", True)
    assert hint == f'Move "{unfold}" above "{admin}".'


def test_the_plain_skin_beside_unfold_is_named() -> None:
    [(id, _message, hint, _serious)] = checked(UNFOLD, ADMIN, PLAIN_SKIN)
    assert id == "django_cachex.W005"
    assert hint.startswith('Replace "django_cachex.admin" with "django_cachex.unfold"')


def test_the_plain_skin_needs_no_unfold() -> None:
    assert checked(ADMIN, PLAIN_SKIN, not_installed=("unfold",)) == []
