"""The badge counts the caches that are down, for those who may see them."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest
from django.test import RequestFactory

from django_cachex.unfold import badges
from tests import servers
from tests.admin.conftest import VALKEY, Configure, UserWith, locmem_params
from tests.servers import wait_until
from tests.unfold.startup import start


def request_of(user: Any) -> HttpRequest:
    request = RequestFactory().get("/admin/")
    request.user = user
    return request


def says(user: Any, text: str) -> None:
    """Fail unless the badge comes to say this."""
    wait_until(lambda: badges.caches_down(request_of(user)) == text, text)


def at(port: int) -> dict[str, Any]:
    return {"BACKEND": VALKEY, "LOCATION": f"valkey://127.0.0.1:{port}/0"}


@pytest.fixture
def refusing() -> dict[str, Any]:
    """An alias of a port where nobody listens."""
    return at(servers.free_port())


def test_the_badge_says_how_many_are_down(
    superuser: User, configure: Configure, refusing: dict[str, Any]
) -> None:
    configure(one=refusing, two=refusing, three=locmem_params())
    says(superuser, "2 down")


def test_while_none_is_down_there_is_the_mark_that_hides_the_badge(
    superuser: User, configure: Configure
) -> None:
    configure()
    assert badges.caches_down(request_of(superuser)) == "<span data-cx-none hidden></span>"


@pytest.mark.parametrize("permission", ["view_cache", "change_cache"])
def test_who_may_see_caches_is_told(
    permission: str, user_with: UserWith, configure: Configure, refusing: dict[str, Any]
) -> None:
    configure(one=refusing)
    says(user_with(permission), "1 down")


def test_others_are_not_told(
    superuser: User, user_with: UserWith, configure: Configure, refusing: dict[str, Any]
) -> None:
    configure(one=refusing)
    says(superuser, "1 down")
    for user in (user_with("view_key", "delete_key"), AnonymousUser()):
        assert badges.caches_down(request_of(user)) == badges.HIDDEN_BADGE


def test_on_behalf_of_others_no_cache_is_asked(user_with: UserWith, configure: Configure) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        configure(one=at(listener.getsockname()[1]))
        badges.caches_down(request_of(user_with("view_key")))
        listener.settimeout(0.1)
        with pytest.raises(TimeoutError):
            listener.accept()


def test_hidden_caches_are_neither_asked_nor_counted(
    settings: Any, superuser: User, configure: Configure, refusing: dict[str, Any]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        configure(one=refusing, two=refusing, three=at(listener.getsockname()[1]))
        settings.CACHEX_ADMIN = {"ALIASES": {"two": "hidden", "three": "hidden"}}
        says(superuser, "1 down")
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_a_page_does_not_wait_for_a_server_that_hangs(
    settings: Any, superuser: User, configure: Configure
) -> None:
    settings.CACHEX_ADMIN = {"TIMEOUT": 2.0}
    with servers.silent() as port:
        configure(one=at(port))
        started = time.monotonic()
        assert badges.caches_down(request_of(superuser)) == badges.HIDDEN_BADGE
        assert time.monotonic() - started < 1
        says(superuser, "1 down")


def test_other_settings_forget_the_answer(
    settings: Any, superuser: User, configure: Configure, refusing: dict[str, Any]
) -> None:
    configure(one=refusing)
    says(superuser, "1 down")
    settings.CACHEX_ADMIN = {"ALIASES": {"one": "hidden"}}
    assert badges.caches_down(request_of(superuser)) == badges.HIDDEN_BADGE
    settings.CACHEX_ADMIN = {}
    says(superuser, "1 down")
    configure(one=locmem_params())
    assert badges.caches_down(request_of(superuser)) == badges.HIDDEN_BADGE


FORK = """
import os, sys, time
from django_cachex.unfold.badges import get_status_monitor

assert get_status_monitor().down() == ()  # The server hangs, and so does the thread that asks it.
child = os.fork()
if child == 0:
    deadline = time.monotonic() + 10
    while [inspector.alias for inspector in get_status_monitor().down()] != ["default"]:
        if time.monotonic() > deadline:
            os._exit(1)
        time.sleep(0.02)
    os._exit(0)
print(json.dumps(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))
"""


def test_a_child_process_asks_for_itself() -> None:
    with servers.silent() as port:
        assert start(FORK, CACHES={"default": at(port)}, CACHEX_ADMIN={"TIMEOUT": 0.5}) == 0
