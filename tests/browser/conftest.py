"""A Chromium, a served project with caches of every kind, and a person logged in.

Playwright runs an event loop in the tests' thread, and Django refuses its ORM there unless told
otherwise: it is told so while fixtures are set up and torn down, and within `orm()`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.cache import caches
from django.test import Client, override_settings
from playwright.sync_api import Browser, BrowserContext
from pytest_django.live_server_helper import LiveServer

from tests.browser import chromium, project
from tests.browser.visit import Visit
from tests.browser.watch import Watch
from tests.servers import Server

UNSAFE = "DJANGO_ALLOW_ASYNC_UNSAFE"
POLICY = "tests.browser.policy.ContentSecurityPolicy"
HERE = Path(__file__).parent
NAME = PASSWORD = "newcomer"


@contextmanager
def orm() -> Iterator[None]:
    """Let this thread use the ORM although Playwright's event loop runs in it."""
    before = os.environ.get(UNSAFE)
    os.environ[UNSAFE] = "1"
    try:
        yield
    finally:
        os.environ.pop(UNSAFE)
        if before is not None:
            os.environ[UNSAFE] = before


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Iterator[None]:
    with orm():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Iterator[None]:
    with orm():
        return (yield)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium, for one module: other modules' tests must find no event loop running."""
    try:
        chromium.program()
    except FileNotFoundError as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))
    with chromium.running() as browser:
        yield browser


@pytest.fixture(scope="module")
def live_server(django_db_setup: None) -> Iterator[LiveServer]:
    """The project, served under the strictest content security policy that its skin allows."""
    with override_settings(MIDDLEWARE=[*django_settings.MIDDLEWARE, POLICY]):
        server = LiveServer("127.0.0.1")
    yield server
    server.stop()


@pytest.fixture
def served(
    live_server: LiveServer, valkey_server: Server, settings: Any, tmp_path: Path
) -> Iterator[str]:
    """The address of the admin, over caches of every kind with something in them."""
    settings.CACHES = project.cache_settings(valkey_server, tmp_path)
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [project.TEMPLATES]}]
    project.fill()
    yield f"{live_server.url}/admin/"
    caches.close_all()


@pytest.fixture
def superuser(served: str, django_user_model: Any) -> Any:
    return django_user_model.objects.create_superuser(NAME, password=PASSWORD)


@pytest.fixture
def context(browser: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    """A profile of the browser, with the options of a `context` parameter; errors fail the test."""
    context = chromium.new_context(browser, **getattr(request, "param", {}))
    watch = Watch(context)
    yield context
    context.close()
    assert watch.problems == []


@pytest.fixture
def stranger(served: str, superuser: Any, context: BrowserContext) -> Visit:
    """A superuser who has not logged in yet."""
    return Visit(context.new_page(), served)


@pytest.fixture
def visit(stranger: Visit, superuser: Any) -> Visit:
    """A superuser, logged in."""
    client = Client()
    client.force_login(superuser)
    name = django_settings.SESSION_COOKIE_NAME
    cookie = {"name": name, "value": client.cookies[name].value, "url": stranger.admin}
    stranger.page.context.add_cookies([cookie])  # type: ignore[list-item]  # a plain dict
    return stranger
