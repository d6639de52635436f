"""What `make dist` builds, installed into a fresh environment with Django and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import venv
from email import message_from_bytes
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "django_cachex"

# An existing project's settings with the two lines that the README asks for.
NEWCOMER = """
import re

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="newcomer",
    ALLOWED_HOSTS=["testserver"],
    ROOT_URLCONF="newcomer_urls",
    STATIC_URL="/static/",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "django.contrib.staticfiles",
        "django.contrib.admin",
        "django_cachex.admin",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
)
django.setup()

from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

call_command("check", fail_level="WARNING")
call_command("migrate", verbosity=0)
client = Client()
client.force_login(User.objects.create_superuser("newcomer"))
response = client.get(reverse("admin:django_cachex_cache_changelist"))
assert response.status_code == 200, response
page = response.content.decode()
assert "LocMemCache" in page, page
linked = re.findall(r'(?:href|src)="/static/([^"]+)"', page)
assert any(name.startswith("django_cachex/") for name in linked), linked
missing = [name for name in linked if finders.find(name) is None]
assert not missing, missing
"""
NEWCOMER_URLS = """
from django.contrib import admin
from django.urls import path

urlpatterns = [path("admin/", admin.site.urls)]
"""


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    # The checkout must not stand in for what is missing from the wheel.
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    (path,) = dist.glob("*.whl")
    return path


def test_wheel_holds_the_package_whole_and_nothing_else(wheel: Path) -> None:
    expected = {
        path.relative_to(PACKAGE.parent).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    names = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == expected
    assert "django_cachex/py.typed" in names
    assert {Path(name).suffix for name in names} >= {".html", ".css"}


def test_wheel_requires_django_alone(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = message_from_bytes(archive.read(name))
    requirements = metadata.get_all("Requires-Dist", [])
    assert [text for text in requirements if "extra ==" not in text] == ["django>=5.2"]
    assert set(metadata.get_all("Provides-Extra", [])) >= {
        *("valkey", "libvalkey", "redis", "hiredis", "unfold")
    }


def test_source_distribution_leaves_out_state_and_environments(dist: Path) -> None:
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = archive.getnames()
    hidden = ("/.venv", "/demo/.state", "__pycache__", "/docs/_build")
    assert not [name for name in names if any(part in name for part in hidden)]
    assert any(name.endswith("/tests/test_dist.py") for name in names)


def test_wheel_in_a_fresh_environment_shows_its_caches(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python)
    run(*pip, "install", "--quiet", "--no-input", wheel)
    (tmp_path / "newcomer.py").write_text(NEWCOMER)
    (tmp_path / "newcomer_urls.py").write_text(NEWCOMER_URLS)
    run(python, "-W", "error", "newcomer.py", cwd=tmp_path)
