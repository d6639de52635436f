"""Acting on a pattern: counted first, asked, then done in steps that are each on record."""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest
import valkey
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.cache import caches

from django_cachex.admin.views.jobs import escape_csv_cell, make_report
from django_cachex.inspectors import inspector_for
from django_cachex.inspectors.jobs import BulkTask, Job
from django_cachex.inspectors.types import TTL_NONE
from tests import servers
from tests.admin import addresses
from tests.admin import test_hostile_requests as hostile
from tests.admin.browser import Browser
from tests.admin.conftest import BrowserOf, Configure, valkey_params
from tests.admin.page import Page

SESSION = "django.contrib.sessions.cache"
MAY_DELETE = ("view_key", "delete_key")
MAY_EXPIRE = ("view_key", "change_cache")
NOW = "Nothing was changed."


@pytest.fixture
def slow(settings: Any) -> None:
    """Steps of one batch each: a budget is over before it begins."""
    settings.CACHEX_ADMIN = {"SCAN_BUDGET": 1e-9}


def fill(raw: valkey.Valkey, start: str, count: int, ttl: int | None = None) -> None:
    with raw.pipeline(transaction=False) as pipeline:
        for number in range(count):
            pipeline.set(f"p:1:{start}{number}", "v", ex=ttl)
        pipeline.execute()


def to_the_end(person: Browser, page: Page, does: str) -> Page:
    """Press a button until there is none."""
    for _press in range(1000):
        if not page.has_action(does):
            return page
        page = person.submit(page, does)
    raise AssertionError("It does not come to an end.")


def ask(person: Browser, alias: str, **query: str) -> Page:
    """Count all that matches, and press the button that leads to the question."""
    page = to_the_end(person, person.open(addresses.matching(alias, **query)), "count")
    return person.submit(page, "ask")


def begin(person: Browser, alias: str, **query: str) -> Page:
    """Count, ask and confirm; return the page after the first step."""
    return person.submit(ask(person, alias, **query), "confirm")


def run(person: Browser, alias: str, **query: str) -> Page:
    return to_the_end(person, begin(person, alias, **query), "run")


def given(page: Page, attribute: str) -> list[str]:
    """Return the values of an attribute on a page."""
    return [attributes[attribute] for _tag, attributes in page.tags if attribute in attributes]


def the_record() -> LogEntry:
    return LogEntry.objects.get()


# Deleting.


def test_what_matches_is_counted_asked_about_deleted_and_recorded(
    admin: Browser, listing: str
) -> None:
    cache = caches[listing]
    cache.set_many({f"user:{number}": "v" for number in range(30)}, 1000)
    cache.set_many({f"cart:{number}": "v" for number in range(5)}, 1000)
    page = admin.open(addresses.matching(listing, action="delete", q="user:*"))
    assert page.heading == 'Delete all keys that match "user:*"'
    assert "30 keys match" in page.text
    assert page.table("Namespace").column("Namespace") == ["user:*"]
    asked = admin.submit(page, "ask")
    assert asked.heading == f'Delete all keys in "{listing}" that match "user:*"?'
    assert "30 keys match" in asked.text
    assert LogEntry.objects.count() == 0
    assert cache.get("user:7") == "v"
    done = admin.submit(asked, "confirm")
    assert "Deleted 30 keys" in done.text
    assert not done.has_action("run")
    assert cache.get("user:7") is None
    assert cache.get("cart:4") == "v"
    entry = the_record()
    assert (entry.action_flag, entry.object_id, entry.user) == (CHANGE, listing, admin.user)
    assert entry.change_message == (
        'Delete all keys that match "user:*". Deleted 30 keys. All keys were examined.'
    )


def test_an_act_that_there_is_not_is_no_deletion(
    admin: Browser, listing: str, raw: valkey.Valkey
) -> None:
    fill(raw, "user:", 3)
    for act in ("persist", "DELETE", "x"):
        assert admin.open(addresses.matching(listing, action=act, q="user:*")).status == 404
    assert admin.open(addresses.matching(listing, q="user:*")).status == 200


def test_it_goes_in_steps_and_the_record_keeps_up(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, slow: None
) -> None:
    fill(raw, "user:", 5000)
    fill(raw, "cart:", 100)
    page = begin(admin, "valkey", action="delete", q="user:*")
    assert page.has_action("run")
    deleted = 5100 - raw.dbsize()
    assert 0 < deleted < 5000
    assert f"Deleted {deleted:,} keys" in page.text
    assert (
        f"Deleted {deleted:,} keys. Not all keys have been examined yet."
        in the_record().change_message
    )
    page = to_the_end(admin, page, "run")
    assert "Deleted 5,000 keys" in page.text
    assert "Deleted 5,000 keys. All keys were examined." in the_record().change_message
    assert raw.dbsize() == 100


def test_a_closed_page_is_continued_from_its_link(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, slow: None
) -> None:
    fill(raw, "user:", 5000)
    page = begin(admin, "valkey", action="delete", q="user:*")
    [link] = given(page, "data-resume")
    left = raw.dbsize()
    opened = admin.open(link)
    assert raw.dbsize() == left, "Looking does nothing."
    assert f"Deleted {5000 - left:,} keys" in opened.text
    to_the_end(admin, opened, "run")
    assert raw.dbsize() == 0
    assert "Deleted 5,000 keys. All keys were examined." in the_record().change_message


def test_a_step_that_was_taken_twice_is_not_claimed_twice(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, slow: None
) -> None:
    fill(raw, "user:", 5000)
    page = begin(admin, "valkey", action="delete", q="user:*")
    before = raw.dbsize()
    admin.submit(page, "run")
    gone = raw.dbsize()
    assert gone < before
    again = to_the_end(admin, page, "run")
    assert "was already continued from another page" in admin.submit(page, "run").text
    assert raw.dbsize() == 0
    first, *others = LogEntry.objects.order_by("pk")
    assert f"Deleted {5000 - gone:,} keys. Not all" in first.change_message
    assert f"Deleted {gone:,} keys. All" in others[0].change_message
    assert f"Deleted {gone:,} keys" in again.text


def test_an_empty_pattern_stands_for_nothing(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    fill(raw, "user:", 5)
    for query in ({}, {"q": ""}, {"q": "", "type": "string"}):
        for act in ("delete", "expire"):
            page = admin.open(addresses.matching("valkey", action=act, **query))
            assert NOW in page.text
            assert page.url.startswith(addresses.keys("valkey"))
            admin.post(addresses.matching("valkey", action=act, **query), {"step": "run"})
    assert raw.dbsize() == 5


def test_nothing_that_matches_is_said_and_offers_nothing(admin: Browser, server_cache: Any) -> None:
    page = admin.open(addresses.matching("valkey", action="delete", q="usr:*"))
    assert "No key matches" in page.text
    assert not page.has_action("ask")


@pytest.mark.parametrize("text", ["user[0-9]*", "us?r:*", "\\*", "[^a]*"])
def test_only_the_star_is_a_wildcard(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, text: str
) -> None:
    fill(raw, "user:", 5)
    page = admin.open(addresses.matching("valkey", action="delete", q=text))
    assert "No key matches" in page.text


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>*",
        "*\x00*",
        "a" * 3000,
        "\ud800".encode("utf-16-le", "surrogatepass").decode("latin-1"),
    ],
)
def test_odd_patterns_are_taken_as_they_stand(admin: Browser, server_cache: Any, text: str) -> None:
    page = admin.open(addresses.matching("valkey", action="delete", q=text))
    assert page.status == 200
    assert "<script>alert(1)" not in page.html


ODD = ["NUL", "surrogate", "only stars", "format"]


@pytest.mark.parametrize("name", ODD)
def test_requests_that_no_page_made_are_no_error_and_do_nothing(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, name: str
) -> None:
    raw.set("p:1:hello", "v")
    text = hostile.encoded(hostile.ODD[name])
    every = "&".join(f"{one}={text}" for one in ("q", "type", "ttl", "run", "under", "expires"))
    expiring = addresses.matching("valkey", action="expire", ttl="60", q="hello*")
    deleting = addresses.matching("valkey", q="hello*")
    pages = [deleting, expiring, addresses.namespaces("valkey"), addresses.flushing()]
    for url in pages:
        opened = admin.open(f"{url}{'&' if '?' in url else '?'}{every}")
        assert hostile.fine(opened.status), (url, opened.status)
    text = hostile.ODD[name].encode(errors="replace").decode()
    for url in pages:
        for step in (text, "run", "ask", "report"):
            posted = admin.post(
                url, {"step": step, "state": [text, text], "cache": ["valkey", text]}
            )
            assert hostile.fine(posted.status), (url, posted.status)
    asked = admin.post(addresses.matching("valkey", action="expire", q=text), {"timeout": text})
    assert hostile.fine(asked.status)
    assert raw.pttl("p:1:hello") == -1


def test_keys_of_others_stay(
    admin: Browser, valkey_server: servers.Server, configure: Configure, raw: valkey.Valkey
) -> None:
    configure(
        valkey=valkey_params(valkey_server, KEY_PREFIX="p*"), other=valkey_params(valkey_server)
    )
    for stored in ("p*:1:user:1", "p:1:user:1", "p*:2:user:1", "pp:1:user:1"):
        raw.set(stored, "v")
    page = run(admin, "valkey", action="delete", q="user:*")
    assert "Deleted 1 key" in page.text
    assert sorted(raw.keys()) == [b"p*:2:user:1", b"p:1:user:1", b"pp:1:user:1"]


def test_keys_that_the_server_refuses_are_in_the_report(
    admin: Browser, valkey_server: servers.Server, configure: Configure, raw: valkey.Valkey
) -> None:
    rules = ("on", ">secret", "+@all", "resetkeys", "~p:1:user:*", "%R~*", "&*")
    raw.execute_command("ACL", "SETUSER", "clerk", *rules)
    configure(
        valkey=valkey_params(
            valkey_server, LOCATION=f"valkey://clerk:secret@{valkey_server.address}/0"
        )
    )
    fill(raw, "user:", 40)
    raw.set("p:1:=user:safe", "v")
    page = run(admin, "valkey", action="delete", q="user")
    assert "Deleted 40 keys; 1 failed" in page.text
    assert "1 key couldn't be changed." in page.text
    assert page.table("Reason").column("Key") == ["=user:safe"]
    assert "1 failed" in the_record().change_message
    form = page.form("report")
    data = {**form.data(), "step": "report"}
    response = admin.client.post(page.url, data)
    text = response.content.decode()
    assert response["Content-Type"].startswith("text/csv")
    assert "changed,40" in text
    assert "failed,1" in text
    assert "'=user:safe," in text
    raw.execute_command("ACL", "DELUSER", "clerk")


FORMULAS = (
    *("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", '"=1"', "'=1", "\u00a0=1"),
    *("＝1", "＋1", "－1", "＠1", "a;=1", "a; =1", 'a;"=1"', "a\t=1", "a\n=1", "a\r\n@x", "a;＝1"),
    *("a\u2028=1", "a\x0b=1", "a\x85=1", '";=1'),
)


@pytest.mark.parametrize("text", FORMULAS)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_no_cell_of_a_report_begins_a_formula(text: str, delimiter: str) -> None:
    task = BulkTask(done=1, failed=1, failures=((text.encode(), text),))
    response = make_report(inspector_for("default"), "delete", text, Job(task))
    lines = response.content.decode().splitlines()
    assert len(lines) == 9
    for line in lines:
        for part in next(csv.reader([line], delimiter=delimiter), []):
            begins = unicodedata.normalize("NFKC", part).lstrip(' \t"')
            assert not begins.startswith(("=", "+", "-", "@")), part


def test_plain_cells_of_a_report_stay_as_they_are() -> None:
    for text in ("user:1", "a-b", "a=b", "2026-01-02", "x;y", "é — 日本", "1,000 examined"):
        assert escape_csv_cell(text) == text


def test_a_server_that_refuses_everything_is_asked_once(
    admin: Browser,
    valkey_server: servers.Server,
    configure: Configure,
    raw: valkey.Valkey,
    slow: None,
) -> None:
    raw.execute_command(
        "ACL", "SETUSER", "clerk", "on", ">secret", "+@all", "-unlink", "-del", "~*", "&*"
    )
    configure(
        valkey=valkey_params(
            valkey_server, LOCATION=f"valkey://clerk:secret@{valkey_server.address}/0"
        )
    )
    fill(raw, "user:", 4000)
    page = begin(admin, "valkey", action="delete", q="user:*")
    assert "the cache refused" in page.text
    assert not given(page, "data-auto-continue")
    assert raw.dbsize() == 4000
    assert "Deleted 0 keys" in the_record().change_message
    raw.execute_command("ACL", "DELUSER", "clerk")


@pytest.fixture
def mortal(configure: Configure) -> Iterator[tuple[servers.Server, valkey.Valkey]]:
    """A server of the test's own, as alias `valkey`, that may be killed."""
    with servers.valkey() as server:
        configure(valkey=valkey_params(server))
        with valkey.Valkey(port=server.port) as raw:
            yield server, raw


def test_a_server_that_dies_leaves_what_was_done_on_record(
    admin: Browser, mortal: tuple[servers.Server, valkey.Valkey], slow: None
) -> None:
    server, raw = mortal
    fill(raw, "user:", 5000)
    page = begin(admin, "valkey", action="delete", q="user:*")
    done = 5000 - raw.dbsize()
    server.process.kill()
    server.process.wait()
    failed = admin.submit(page, "run")
    assert failed.status == 200
    assert failed.has_action("run")
    assert f"Deleted {done:,} keys" in failed.text
    assert "valkey" in failed.text
    assert given(page, "data-auto-continue")
    assert not given(failed, "data-auto-continue")
    assert (
        f"Deleted {done:,} keys. Not all keys have been examined yet."
        in the_record().change_message
    )


def test_a_server_that_was_started_anew_is_walked_through_as_a_whole(
    admin: Browser, mortal: tuple[servers.Server, valkey.Valkey], slow: None
) -> None:
    server, raw = mortal
    fill(raw, "user:", 5000)
    page = begin(admin, "valkey", action="delete", q="user:*")
    done = 5000 - raw.dbsize()
    server.stop()
    with servers.valkey(port=server.port), valkey.Valkey(port=server.port) as again:
        fill(again, "user:", 4000)
        to_the_end(admin, page, "run")
        assert again.dbsize() == 0
    assert f"Deleted {done + 4000:,} keys. All keys were examined." in the_record().change_message


# Expiring.


def test_all_that_matches_is_given_an_expiry(admin: Browser, listing: str) -> None:
    cache = caches[listing]
    cache.set_many({f"user:{number}": "v" for number in range(12)}, None)
    page = admin.open(addresses.matching(listing, action="expire", q="user:*"))
    assert page.heading == 'Change the TTL of all keys that match "user:*"'
    page = admin.submit(page, "count", timeout="3600")
    assert page.heading == 'Set an expiry of 1 h on all keys that match "user:*"'
    asked = admin.submit(page, "ask")
    assert asked.heading == f'Set an expiry of 1 h on all keys in "{listing}" that match "user:*"?'
    done = admin.submit(asked, "confirm")
    assert "Expiry of 1 h set on 12 keys" in done.text
    page = admin.open(addresses.keys(listing, q="user:3"))
    assert page.column("TTL") != ["never"]


def test_all_that_matches_loses_its_expiry(admin: Browser, listing: str) -> None:
    caches[listing].set_many({f"user:{number}": "v" for number in range(12)}, 1000)
    page = run(admin, listing, action="expire", ttl="never", q="user:*")
    assert "Removed the TTL of 12 keys" in page.text
    assert set(admin.open(addresses.keys(listing, q="user:*")).column("TTL")) == {"never"}


CHOICES = {
    "ask": ({"never", "short", "long"}, "Expiry of 1 h set on 3 keys"),
    "ask-persistent": ({"never"}, "Expiry of 1 h set on 1 key; 2 keep their TTL"),
    "ask-longer": ({"never", "long"}, "Expiry of 1 h set on 2 keys; 1 keeps its TTL"),
    "ask-shorter": ({"short"}, "Expiry of 1 h set on 1 key; 2 keep their TTL"),
}


@pytest.mark.parametrize("choice", CHOICES)
def test_an_expiry_can_be_for_some_of_what_matches(
    admin: Browser, listing: str, choice: str
) -> None:
    seconds = {"never": None, "short": 600, "long": 90_000}
    for name, timeout in seconds.items():
        caches[listing].set(f"user:{name}", "v", timeout)
    changed, said = CHOICES[choice]
    page = admin.open(addresses.matching(listing, action="expire", ttl="1h", q="user:*"))
    page = to_the_end(admin, page, "count")
    assert "1" in page.button("ask-persistent").text  # How many never expire.
    asked = admin.submit(page, choice)
    done = to_the_end(admin, admin.submit(asked, "confirm"), "run")
    assert said in done.text
    assert said in the_record().change_message
    inspector = inspector_for(listing)
    infos = inspector.describe([inspector.make_key(f"user:{name}") for name in seconds])
    for name, info in zip(seconds, infos, strict=True):
        expected = 3600 if name in changed else seconds[name]
        assert info.ttl is not None
        if expected is None:
            assert info.ttl == TTL_NONE
        else:
            assert expected - 60 < info.ttl / 1000 <= expected


@pytest.mark.parametrize(
    ("ttl", "step"), [("1h", "ask-everything"), ("1h", "ask-LONGER"), ("never", "ask-longer")]
)
def test_a_choice_that_is_not_offered_does_not_widen_the_deed(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, ttl: str, step: str
) -> None:
    fill(raw, "user:", 3)
    url = addresses.matching("valkey", action="expire", ttl=ttl, q="user:*")
    state = to_the_end(admin, admin.open(url), "count").form("ask").control("state").value
    assert not admin.post(url, {"step": step, "state": state}).has_action("confirm")


def test_no_choice_is_offered_where_there_is_none(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    fill(raw, "user:", 3, ttl=1000)
    page = admin.open(addresses.matching("valkey", action="expire", ttl="1h", q="user:*"))
    page = to_the_end(admin, page, "count")
    assert page.has_action("ask-longer")
    assert not page.has_action("ask-persistent")
    for query in ({"action": "expire", "ttl": "never"}, {"action": "delete"}):
        page = admin.open(addresses.matching("valkey", q="user:*", **query))
        page = to_the_end(admin, page, "count")
        assert page.has_action("ask")
        assert not page.has_action("ask-longer")


@pytest.mark.parametrize("typed", ["", "0", "-5", "soon", "1:30", "9" * 30])
def test_an_expiry_that_makes_no_sense_is_asked_again(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, typed: str
) -> None:
    fill(raw, "user:", 3)
    page = admin.open(addresses.matching("valkey", action="expire", q="user:*"))
    page = admin.submit(page, "count", timeout=typed)
    assert page.has_action("count")
    opened = admin.open(addresses.matching("valkey", action="expire", q="user:*", ttl=typed))
    assert opened.has_action("count")
    assert raw.dbsize() == 3


# Who may.


@pytest.mark.parametrize(
    ("held", "act", "status"),
    [
        ((), "delete", 403),
        (("view_key",), "delete", 403),
        (("delete_key",), "delete", 403),
        (("view_key", "delete_key"), "delete", 200),
        (("change_key", "delete_key"), "delete", 200),
        (("view_key", "delete_key"), "expire", 403),
        (("change_cache",), "expire", 403),
        (("change_cache", "view_key"), "expire", 200),
        (("change_cache", "view_key"), "delete", 403),
    ],
)
def test_permissions_are_those_of_one_key(
    browser_of: BrowserOf,
    server_cache: Any,
    raw: valkey.Valkey,
    held: tuple[str, ...],
    act: str,
    status: int,
) -> None:
    fill(raw, "user:", 3)
    person = browser_of(*held)
    query = {"action": act, "q": "user:*", **({"ttl": "60"} if act == "expire" else {})}
    assert person.open(addresses.matching("valkey", **query)).status == status
    assert person.post(addresses.matching("valkey", **query), {"step": "ask"}).status == status
    keys = person.open(addresses.keys("valkey", q="user:*"))
    assert keys.has_action(f"{act}-matching") == (status == 200)
    assert not person.open(addresses.keys("valkey")).has_action(f"{act}-matching")


def test_a_read_only_cache_is_changed_by_nobody(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, settings: Any
) -> None:
    fill(raw, "user:", 3)
    asked = ask(admin, "valkey", action="delete", q="user:*")
    settings.CACHEX_ADMIN = {"ALIASES": {"valkey": "read-only"}}
    assert admin.submit(asked, "confirm").status == 403
    assert raw.dbsize() == 3
    settings.CACHEX_ADMIN = {"ALIASES": {"valkey": "hidden"}}
    assert admin.submit(asked, "confirm").status == 404


def test_who_loses_the_permission_meanwhile_goes_no_further(
    browser_of: BrowserOf, server_cache: Any, raw: valkey.Valkey, slow: None
) -> None:
    person = browser_of(*MAY_DELETE)
    fill(raw, "user:", 5000)
    page = begin(person, "valkey", action="delete", q="user:*")
    left = raw.dbsize()
    person.user.user_permissions.clear()
    assert person.submit(page, "run").status == 403
    assert raw.dbsize() == left


def test_sessions_are_spared_and_not_told_of(
    browser_of: BrowserOf, server_cache: Any, raw: valkey.Valkey, settings: Any
) -> None:
    settings.SESSION_CACHE_ALIAS = "valkey"
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    fill(raw, f"{SESSION}abcdef", 5)
    fill(raw, "cachetop", 3)
    person = browser_of(*MAY_DELETE)
    mine = raw.dbsize() - 8
    page = person.open(addresses.matching("valkey", action="delete", q="cache"))
    assert "3 keys match" in page.text
    assert SESSION not in page.text
    run(person, "valkey", action="delete", q="cache")
    assert raw.dbsize() == 5 + mine


def test_a_bulk_action_says_that_listed_sessions_are_not_included(
    admin: Browser, browser_of: BrowserOf, server_cache: Any, raw: valkey.Valkey, settings: Any
) -> None:
    settings.SESSION_CACHE_ALIAS = "valkey"
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    fill(raw, f"{SESSION}abcdef", 5)
    fill(raw, "plain", 3)
    note = "Sessions are listed but not included"
    person = browser_of(*MAY_DELETE)
    keys = person.open(addresses.keys("valkey", q="*"))
    assert sum(name.startswith("session ••••") for name in keys.column("Key")) > 5
    page = person.click(keys, "delete-matching")
    assert "3 keys match" in page.text
    assert note in page.text
    assert note not in person.open(addresses.matching("valkey", action="delete", q="p*")).text
    assert note not in admin.open(addresses.matching("valkey", action="delete", q="*")).text


def test_superusers_are_told_of_sessions_and_locks(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, settings: Any
) -> None:
    settings.SESSION_CACHE_ALIAS = "valkey"
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
    fill(raw, "django.contrib.sessions.cached_dbabcdef", 5)
    fill(raw, "order:lock:", 2)
    asked = ask(admin, "valkey", action="delete", q="*")
    assert "6 of them are sessions" in asked.text  # The person's own, too.
    assert "2 of them look like locks" in asked.text


# Tokens.


def state_of(page: Page) -> str:
    return page.form_with("state").control("state").value


def test_tokens_are_good_for_one_person_cache_search_and_act(
    admin: Browser,
    browser_of: BrowserOf,
    valkey_server: servers.Server,
    configure: Configure,
    raw: valkey.Valkey,
    slow: None,
) -> None:
    configure(valkey=valkey_params(valkey_server), twin=valkey_params(valkey_server, VERSION=1))
    fill(raw, "user:", 5000)
    page = begin(admin, "valkey", action="delete", q="user:*")
    token, left = state_of(page), raw.dbsize()
    data = {"step": "run", "state": token}
    for person, alias, query in (
        (browser_of(*MAY_DELETE, *MAY_EXPIRE), "valkey", {"action": "delete", "q": "user:*"}),
        (admin, "twin", {"action": "delete", "q": "user:*"}),
        (admin, "valkey", {"action": "delete", "q": "*"}),
        (admin, "valkey", {"action": "delete", "q": "user:*", "type": "hash"}),
        (admin, "valkey", {"action": "expire", "q": "user:*", "ttl": "60"}),
    ):
        answer = person.post(addresses.matching(alias, **query), data)
        assert "expired or belongs to another search" in answer.text
    for forged in (token[:-1], token.swapcase(), "x", "", "é", "a:b:c"):
        admin.post(page.url, {"step": "run", "state": forged})
    assert raw.dbsize() == left
    assert raw.ttl("p:1:user:4999") in (-1, -2)


def test_a_run_begins_on_no_page_but_the_question(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    fill(raw, "user:", 5)
    url = addresses.matching("valkey", action="delete", q="user:*")
    counted = state_of(admin.open(url))
    admin.post(url, {"step": "run", "state": counted})
    admin.post(url, {"step": "run"})
    admin.post(url, {"confirmed": "1"})
    assert raw.dbsize() == 5
    assert not LogEntry.objects.exists()


# Filters.


def test_filters_of_the_search_hold_for_the_deed(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    fill(raw, "user:short:", 5, ttl=30)
    fill(raw, "user:ever:", 3)
    raw.lpush("p:1:user:list", "v")
    keys = admin.open(addresses.keys("valkey", q="user:*", expires="60"))
    page = admin.click(keys, "delete-matching")
    assert page.heading == 'Delete all keys that match "user:*" and expire within 1 min'
    done = admin.submit(admin.submit(page, "ask"), "confirm")
    assert "Deleted 5 keys" in done.text
    assert raw.dbsize() == 4
    run(admin, "valkey", action="delete", q="user:*", type="list")
    assert raw.dbsize() == 3


@pytest.mark.parametrize("bad", [{"type": "tree"}, {"expires": "soon"}, {"scope": "all"}])
def test_a_filter_that_makes_no_sense_does_not_widen_the_deed(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, bad: dict[str, str]
) -> None:
    fill(raw, "user:", 5)
    page = admin.open(addresses.matching("valkey", action="delete", q="user:*", **bad))
    assert NOW in page.text
    admin.post(addresses.matching("valkey", action="delete", q="user:*", **bad), {"step": "ask"})
    assert raw.dbsize() == 5


def test_keys_that_nobody_knows_to_pass_a_filter_are_left_alone_and_counted(
    admin: Browser, valkey_server: servers.Server, configure: Configure, raw: valkey.Valkey
) -> None:
    rules = ("on", ">secret", "+@all", "-memory", "-strlen", "~*", "&*")
    raw.execute_command("ACL", "SETUSER", "clerk", *rules)
    location = f"valkey://clerk:secret@{valkey_server.address}/0"
    configure(valkey=valkey_params(valkey_server, LOCATION=location))
    fill(raw, "user:", 3)
    page = admin.open(addresses.matching("valkey", action="delete", q="user:*", larger="1"))
    assert "3 keys were skipped" in page.text
    assert "No key matches" in page.text
    raw.execute_command("ACL", "DELUSER", "clerk")


def test_other_scopes_than_this_version_are_not_changed_by_a_pattern(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    raw.mset({"p:1:user:1": "v", "p:2:user:1": "v", "q:1:user:1": "v"})
    for scope in ("versions", "store"):
        page = admin.open(addresses.matching("valkey", action="delete", q="user", scope=scope))
        assert NOW in page.text
        keys = admin.open(addresses.keys("valkey", q="user", scope=scope))
        assert not keys.has_action("delete-matching")
    assert raw.dbsize() == 3
