"""Continuing a job from the history of its cache, after its page was left."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from typing import Any

import pytest
import valkey
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User

from django_cachex.admin import links
from django_cachex.admin.log_entries import displayed_message, job_token
from django_cachex.inspectors.valkey import scan
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import BrowserOf
from tests.admin.page import Page
from tests.admin.test_matching import begin, fill, slow, to_the_end

__all__ = ["slow"]

pytestmark = pytest.mark.usefixtures("slow")

EVERYTHING = ("view_cache", "change_cache", "view_key", "delete_key")


def open_history(person: Browser) -> Page:
    return person.open(addresses.cache_history("valkey"))


def progress(page: Page) -> str:
    [text] = re.findall(r'class="cx-progress" role="status">([^<]*)<', page.html)
    return text


def delete_users(person: Browser, raw: valkey.Valkey) -> Page:
    """Begin to delete 500 keys; return the page after the first step."""
    fill(raw, "user:", 500)
    fill(raw, "cart:", 50)
    return begin(person, "valkey", action="delete", q="user:*")


def test_a_job_is_continued_from_the_history_with_its_counts(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    page = delete_users(admin, raw)
    deleted = 550 - raw.dbsize()
    assert 0 < deleted < 500
    history = admin.click(page, "continue-later")
    assert history.url == addresses.cache_history("valkey")
    continued = admin.click(history, "continue")
    assert progress(continued) == progress(page)
    assert 550 - raw.dbsize() == deleted  # It waits for the button.
    done = to_the_end(admin, continued, "run")
    assert raw.dbsize() == 50
    assert "Deleted 500 keys. All keys were examined." in LogEntry.objects.get().change_message
    assert not done.has_action("continue-later")
    assert not open_history(admin).has_action("continue")


def test_a_flush_is_continued_from_the_history(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    fill(raw, "user:", 500)
    data = {"action": "flush", "selected": ["valkey"], "confirmed": "1"}
    page = admin.post(addresses.caches(), data)
    left = raw.dbsize()
    assert 0 < left < 500
    continued = admin.click(admin.click(page, "continue-later"), "continue")
    assert progress(continued) == progress(page)
    assert raw.dbsize() == left
    to_the_end(admin, continued, "run")
    assert raw.dbsize() == 0
    assert "500 entries deleted." in displayed_message(LogEntry.objects.get())


def test_only_who_started_a_job_and_still_may_continues_it(
    admin: Browser, browser_of: BrowserOf, server_cache: Any, raw: valkey.Valkey
) -> None:
    person = browser_of(*EVERYTHING)
    delete_users(person, raw)
    assert open_history(person).has_action("continue")
    for other in (admin, browser_of(*EVERYTHING)):
        assert "Not all keys have been examined yet." in open_history(other).text
        assert not open_history(other).has_action("continue")
    person.user.user_permissions.remove(Permission.objects.get(codename="delete_key"))
    assert not open_history(person).has_action("continue")


def test_a_job_can_be_continued_for_a_day(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete_users(admin, raw)
    monkeypatch.setattr(links, "MAX_TOKEN_AGE", -1)
    page = open_history(admin)
    assert "Not all keys have been examined yet." in page.text
    assert not page.has_action("continue")


def test_a_job_that_goes_on_in_two_places_is_counted_once(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    page = delete_users(admin, raw)
    continued = admin.click(open_history(admin), "continue")
    admin.submit(page, "run")
    twice = admin.submit(continued, "run")
    assert "continued from another page" in twice.text
    to_the_end(admin, twice, "run")
    texts = [displayed_message(entry) for entry in LogEntry.objects.all()]
    counts = [int(re.findall(r"Deleted ([\d,]+) key", one)[0].replace(",", "")) for one in texts]
    assert sum(counts) == 500


def test_the_log_entry_tells_its_readers_nothing_more(
    superuser: User, server_cache: Any, raw: valkey.Valkey, settings: Any
) -> None:
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    settings.SESSION_CACHE_ALIAS = "valkey"
    session = "0123456789abcdefghijklmnopqrstuv"
    fill(raw, f"{session}:", 500)
    begin(Browser(superuser), "valkey", action="delete", q=f"{session}:*")
    entry = LogEntry.objects.get()
    sealed, _tilde, _signed = job_token(entry).partition("~")
    assert sealed
    assert session not in entry.change_message
    assert session.encode() not in urlsafe_b64decode(sealed)
    assert job_token(entry) not in entry.get_change_message()


@pytest.mark.parametrize("token", ["", "x", "~", "x~y", 7, None])
def test_a_token_that_no_job_wrote_is_not_offered(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, token: Any
) -> None:
    delete_users(admin, raw)
    entry = LogEntry.objects.get()
    message = entry.change_message.replace(f'"{job_token(entry)}"', repr(token).replace("'", '"'))
    LogEntry.objects.update(change_message=message.replace("None", "null"))
    page = open_history(admin)
    assert "Not all keys have been examined yet." in page.text
    assert not page.has_action("continue")


def test_a_flush_of_another_user_is_not_shown(
    admin: Browser, browser_of: BrowserOf, server_cache: Any, raw: valkey.Valkey
) -> None:
    fill(raw, "user:", 500)
    data = {"action": "flush", "selected": ["valkey"], "confirmed": "1"}
    admin.post(addresses.caches(), data)
    url = open_history(admin).link("continue").url
    left = raw.dbsize()
    assert admin.open(url).has_action("run")
    other = browser_of(*EVERYTHING).open(url)
    assert not other.has_action("run")
    assert browser_of("view_cache").open(url).status == 403
    assert raw.dbsize() == left


def test_who_may_not_see_the_history_gets_the_address_of_the_job(
    browser_of: BrowserOf, server_cache: Any, raw: valkey.Valkey
) -> None:
    person = browser_of("view_key", "delete_key")
    page = delete_users(person, raw)
    continued = person.click(page, "continue-later")
    assert progress(continued) == progress(page)
    to_the_end(person, continued, "run")
    assert raw.dbsize() == 50


def test_a_search_that_starts_over_after_a_restart_says_so(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = delete_users(admin, raw)
    assert "started over" not in page.text
    monkeypatch.setattr(scan, "RUN_ID_LENGTH", 8)  # The server seems to be another one.
    continued = admin.submit(admin.click(open_history(admin), "continue"), "run")
    assert "started over" in continued.text
    done = to_the_end(admin, continued, "run")
    assert "started over" in done.text
    assert "Deleted 500 keys." in displayed_message(LogEntry.objects.get())
