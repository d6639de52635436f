"""Every page of the cache admin in every state that looks different, and how to get there.

The aliases and keys are the demo's; the tests' project has the same ones.
"""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.element_places import ELEMENT_PLACES
from tests.browser.element_places import SELDOM as SELDOM_ELEMENTS
from tests.browser.visit import Visit

Way = Callable[[Visit], None]

LONG_KEY = "long:" + "x" * 6_000
LONG_VALUE = "report:2025.csv"
VALUES = {
    "json": "user:1",
    "text": "raw:text",
    "bytes": "raw:thumbnail.png",
    "compressed": "raw:compressed",
    "markup": "odd:markup",
    "uneditable": "odd:tuple",
    "object": "raw:pickle-of-a-vanished-class",
    "pickle-that-calls": "raw:pickle-that-calls",
    "cut-pickle": "raw:pickle-cut-short",
    "empty": "odd:empty",
    "large-json": "odd:large-json",
    "never-expires": "views:product:1",
    "long-value": LONG_VALUE,
    "long-name": LONG_KEY,
}


def _caches(**query: str) -> Way:
    return lambda visit: visit.caches(**query)


def _keys(alias: str, **query: str) -> Way:
    return lambda visit: visit.keys(alias, **query)


def _key(name: str, alias: str = "default") -> Way:
    return lambda visit: visit.key(alias, name)


def _info(alias: str, **query: str) -> Way:
    return lambda visit: visit.info(alias, **query)


def _health(alias: str, **query: str) -> Way:
    return lambda visit: visit.health(alias, **query)


def health_of_all(visit: Visit) -> None:
    visit.caches()
    visit.press("health")


def columns(visit: Visit) -> None:
    """Have all columns shown."""
    visit.keys("default", q="user:1*", size="25", sort="-memory")
    visit.main.locator(".cx-column-chooser > summary").click()
    for name in ("memory", "idle", "encoding"):
        visit.main.locator(f'[name="columns"][value="{name}"]').check()
    visit.press("show-columns")
    visit.main.locator(".cx-column-chooser > summary").click()


def fewest_columns(visit: Visit) -> None:
    """Have the usual columns shown again."""
    visit.keys("default", q="user:1*", size="25")
    visit.main.locator(".cx-column-chooser > summary").click()
    for name in ("memory", "idle", "encoding"):
        visit.main.locator(f'[name="columns"][value="{name}"]').uncheck()
    visit.press("show-columns")


def flush_confirm(visit: Visit) -> None:
    visit.caches()
    visit.every_box.check()
    visit.press("flush")


def flush_prefix_confirm(visit: Visit) -> None:
    visit.caches()
    visit.tick("default")
    visit.press("flush")


def flush_stopped(visit: Visit) -> None:
    """Flush a cache, and stop before all is deleted."""
    flush_prefix_confirm(visit)
    visit.press("confirm")
    stop(visit)


def matching_stopped(visit: Visit) -> None:
    """Delete what matches, and stop before all is deleted."""
    visit.matching("default", action="delete", q="user:*")
    stop(visit)
    visit.press("ask")
    visit.press("confirm")
    stop(visit)


def stop(visit: Visit) -> None:
    """Stop long work, which then waits to be carried on."""
    visit.control("stop").click()
    expect(visit.control("stop")).to_be_hidden()


def flush_nothing(visit: Visit) -> None:
    visit.caches()
    visit.press("flush")


def delete_many_confirm(visit: Visit) -> None:
    visit.keys("default", q="cart:", size="25")
    visit.every_box.check()
    visit.press("delete")


def _matching(**query: str) -> Way:
    return lambda visit: visit.matching("default", **query)


def _namespaces(alias: str, **query: str) -> Way:
    return lambda visit: visit.namespaces(alias, **query)


def _purge(**query: str) -> Way:
    return lambda visit: visit.purge("default", **query)


def matching_ask(visit: Visit) -> None:
    """Count all of a few carts, and press what leads to the question."""
    visit.matching("default", action="delete", q="cart:*")
    visit.press("ask")


def matching_done(visit: Visit) -> None:
    visit.matching("default", action="expire", q="views:*", ttl="3600")
    visit.press("ask")
    visit.press("confirm")


def matching_when_error(visit: Visit) -> None:
    visit.matching("default", action="expire", q="user:*")
    visit.field("timeout").fill("1h")
    visit.press("count")


def cached_page(visit: Visit) -> None:
    """Open a cached response, found by its kind."""
    visit.keys("default", kind="page")
    visit.press("open")


def fragment_variant(visit: Visit) -> None:
    """Look for a variant of a fragment that is not cached."""
    visit.fragments("default", help="1")
    visit.main.locator('[data-action="purge-variant"]').first.click()
    visit.field("value-0").fill("1")
    visit.press("find-variant")


def delete_confirm(visit: Visit) -> None:
    visit.key("default", "user:1")
    visit.press("delete")


def delete_long_confirm(visit: Visit) -> None:
    visit.key("default", LONG_KEY)
    visit.press("delete")


def key_view(view: str) -> Way:
    def go(visit: Visit) -> None:
        visit.key("default", "user:1")
        visit.press(f"view-{view}")

    return go


def key_help(visit: Visit) -> None:
    visit.key("default", "user:1")
    visit.press("help")


def edit(visit: Visit) -> None:
    visit.key("default", "user:1")
    visit.press("edit")


def edit_error(visit: Visit) -> None:
    edit(visit)
    visit.field("value").fill('{"name": ')
    visit.field("timeout").fill("1h")
    visit.press("save")


def edit_conflict(visit: Visit) -> None:
    """Save what a colleague has changed meanwhile, in another tab."""
    visit.key("default", "user:2")
    visit.press("edit")
    with visit.page.context.new_page() as tab:
        colleague = Visit(tab, visit.admin)
        colleague.key("default", "user:2")
        colleague.press("edit")
        value = colleague.field("value")
        before = value.input_value()
        value.fill(before.replace("{", '{\n  "theirs": true,', 1))
        colleague.press("save")
        expect(colleague.main).to_contain_text('"theirs": true')
        expect(colleague.control("save")).to_have_count(0)
    visit.field("value").fill(before.replace("{", '{\n  "mine": true,', 1))
    visit.press("save")


def ttl(visit: Visit) -> None:
    visit.key("default", "user:1")
    visit.press("expire")


def ttl_error(visit: Visit) -> None:
    ttl(visit)
    visit.field("timeout").fill("1:30")
    visit.press("set-ttl")


def ttl_previewed(visit: Visit) -> None:
    """See in words what a moment would mean; whoever has no scripts presses a button for it."""
    ttl(visit)
    visit.main.locator("#cx-form details summary").click()
    visit.field("moment").fill("2090-01-02T03:04:05")
    expect(visit.main.locator(".cx-preview")).to_contain_text("on 2090-01-02 at 03:04:05")


def rename(visit: Visit) -> None:
    visit.key("default", "user:1")
    visit.press("rename")


def rename_taken(visit: Visit) -> None:
    rename(visit)
    visit.field("name").fill("user:2")
    visit.press("set-name")


def rename_confirm(visit: Visit) -> None:
    rename(visit)
    visit.field("name").fill("user:2")
    visit.field("overwrite").check()
    visit.press("set-name")


def copy_key(visit: Visit) -> None:
    visit.key("default", "user:1")
    visit.press("copy")


def copied(visit: Visit) -> None:
    copy_key(visit)
    visit.field("name").fill("user:1:copy")
    visit.press("make-copy")


def increase(visit: Visit) -> None:
    visit.key("default", "views:product:1")
    visit.press("increase")


def increase_error(visit: Visit) -> None:
    increase(visit)
    visit.field("by").fill("a lot")
    visit.press("add-number")


def replace_value(visit: Visit) -> None:
    visit.key("default", "odd:tuple")
    visit.press("replace")


def replace_confirm(visit: Visit) -> None:
    replace_value(visit)
    visit.field("value").fill("[1, 2, 3]")
    visit.press("set-value")


def load_more(visit: Visit) -> None:
    visit.key("default", LONG_VALUE)
    visit.press("load-more")


def load_more_of_long_name(visit: Visit) -> None:
    visit.key("default", LONG_KEY)
    visit.press("view-hex")


def changed_ttl(visit: Visit) -> None:
    ttl(visit)
    visit.field("timeout").fill("4200")
    visit.press("set-ttl")


def history(visit: Visit) -> None:
    changed_ttl(visit)
    visit.press("history")


def no_history(visit: Visit) -> None:
    visit.key("default", "user:3")
    visit.press("history")


def cache_history(visit: Visit) -> None:
    visit.info("local")
    visit.press("history")


def unread(visit: Visit) -> None:
    visit.keys("stranger", q="greeting")


def read(visit: Visit) -> None:
    unread(visit)
    visit.press("read")


def edit_unread(visit: Visit) -> None:
    read(visit)
    visit.press("edit")


def add(visit: Visit) -> None:
    visit.add("default")


def add_error(visit: Visit) -> None:
    add(visit)
    visit.field("key").fill("user:1")
    visit.field("value").fill("[1, 2")
    visit.field("timeout").fill("0")
    visit.press("add")


def add_existing(visit: Visit) -> None:
    add(visit)
    visit.field("key").fill("user:1")
    visit.field("value").fill("hello")
    visit.press("add")


def add_collection(visit: Visit) -> None:
    add(visit)
    visit.field("type").select_option("hash")
    visit.field("key").fill("profile:7")
    visit.field("value").fill("name=Ana\nplan=pro\nseats=[1, 2]")


def add_collection_error(visit: Visit) -> None:
    add_collection(visit)
    visit.field("value").fill("name=Ana\nplan")
    visit.press("add")


def added_collection(visit: Visit) -> None:
    add_collection(visit)
    visit.press("add")


def added(visit: Visit) -> None:
    add(visit)
    visit.field("key").fill("newcomer")
    visit.field("value").fill('{"hello": "world"}')
    visit.press("add")


def gone(visit: Visit) -> None:
    """Delete a key, then reload a page of it."""
    visit.key("default", "user:4")
    address = visit.page.url
    visit.press("delete")
    visit.press("confirm")
    visit.page.goto(address)


def empty(visit: Visit) -> None:
    """Flush a cache: the last place to go to."""
    visit.caches()
    visit.tick("local")
    visit.press("flush")
    visit.press("confirm")
    visit.keys("local")


PLACES: dict[str, Way] = {
    "caches": _caches(),
    "caches-help": _caches(help="1"),
    "caches-limited": _caches(support="limited"),
    "caches-bad-level": _caches(support="excellent"),
    "flush-nothing": flush_nothing,
    "flush-confirm": flush_confirm,
    "flush-prefix-confirm": flush_prefix_confirm,
    "keys": _keys("default"),
    "keys-500": _keys("default", size="500"),
    "keys-help": _keys("default", help="1"),
    "keys-search": _keys("default", q="user:1*", size="25"),
    "keys-awkward": _keys("default", q="a"),
    "keys-exact": _keys("default", q="user:1"),
    "keys-filters": _keys("default", larger="1000", expires="86400", type="string", size="25"),
    "keys-columns": columns,
    "keys-usual-columns": fewest_columns,
    "keys-versions": _keys("default", scope="versions", size="25"),
    "keys-whole-database": _keys("default", scope="store", q="*user:1*", size="25"),
    "keys-no-match": _keys("default", q="usr:*"),
    "keys-bad-query": _keys("default", size="7", type="tree", token="x"),
    "keys-sessions": _keys("sessions", size="25"),
    "keys-by-value": _keys("default", size="25", value="a"),
    "sessions-elsewhere": lambda visit: visit.sessions(),
    "keys-database": _keys("pages", size="25"),
    "keys-files": _keys("files", size="25"),
    "keys-django-redis": _keys("dj-redis", size="25"),
    "keys-diskcache": _keys("disk", size="25"),
    "keys-unlisted": _keys("stranger"),
    "keys-dummy": _keys("off"),
    "keys-dead": _keys("dead"),
    "delete-many-confirm": delete_many_confirm,
    "matching": _matching(action="delete", q="user:*"),
    "matching-nothing": _matching(action="delete", q="usr:*"),
    "matching-when": _matching(action="expire", q="user:*"),
    "matching-when-error": matching_when_error,
    "matching-help": _matching(action="delete", q="user:*", help="1"),
    "matching-confirm": matching_ask,
    "matching-done": matching_done,
    "namespaces": _namespaces("default"),
    "namespaces-inside": _namespaces("default", under="user:"),
    "namespaces-help": _namespaces("default", help="1"),
    "namespaces-database": _namespaces("pages"),
    "namespaces-files": _namespaces("files"),
    "namespaces-dead": _namespaces("dead"),
    "fragments": lambda visit: visit.fragments("default"),
    "fragment-variant": fragment_variant,
    "purge": _purge(url="/shop/*"),
    "purge-error": _purge(url="no-view", help="1"),
    "delete-confirm": delete_confirm,
    "delete-long-confirm": delete_long_confirm,
    **{f"key-{kind}": _key(name) for kind, name in VALUES.items()},
    **ELEMENT_PLACES,
    "key-cached-page": cached_page,
    "key-local": _key("product:1", "local"),
    "key-django-redis": _key("product:1", "dj-redis"),
    "key-diskcache": _key("product:1", "disk"),
    "key-opened": _key("search:kettle", "sessions"),
    "key-as-text": key_view("text"),
    "key-as-hex": key_view("hex"),
    "key-help": key_help,
    "key-edit": edit,
    "key-edit-error": edit_error,
    "key-edit-conflict": edit_conflict,
    "key-ttl": ttl,
    "key-ttl-error": ttl_error,
    "key-ttl-previewed": ttl_previewed,
    "key-ttl-changed": changed_ttl,
    "key-rename": rename,
    "key-rename-taken": rename_taken,
    "key-rename-confirm": rename_confirm,
    "key-copy": copy_key,
    "key-copied": copied,
    "key-increase": increase,
    "key-increase-error": increase_error,
    "key-replace": replace_value,
    "key-replace-confirm": replace_confirm,
    "key-more": load_more,
    "key-long-name-as-hex": load_more_of_long_name,
    "key-unread": unread,
    "key-read": read,
    "key-edit-unread": edit_unread,
    "key-gone": gone,
    "key-history": history,
    "key-no-history": no_history,
    "add": add,
    "add-error": add_error,
    "add-existing": add_existing,
    "added": added,
    "add-collection": add_collection,
    "add-collection-error": add_collection_error,
    "added-collection": added_collection,
    "info": _info("default"),
    "info-help": _info("default", help="1"),
    "info-local": _info("local"),
    "info-database": _info("pages"),
    "info-files": _info("files"),
    "info-dummy": _info("off"),
    "info-stranger": _info("stranger"),
    "info-dead": _info("dead"),
    "health": _health("default"),
    "health-help": _health("default", help="1"),
    "health-dead": _health("dead"),
    "health-of-all": health_of_all,
    "cache-no-history": cache_history,
    "keys-empty": empty,
    "cache-history": cache_history,
}

SMALL_STEPS = {"SCAN_BUDGET": 0.000_001, "SCAN_COUNT": 10}
"""Limits under which work on the few keys of a demo takes as many steps as on millions."""

STOPPED: dict[str, Way] = {"matching-stopped": matching_stopped, "flush-stopped": flush_stopped}
"""What is seen under `SMALL_STEPS`. The last flushes some of a cache."""

SELDOM = SELDOM_ELEMENTS | frozenset(
    {
        *("key-rename", "key-rename-taken", "key-rename-confirm", "key-replace"),
        *("key-copy", "key-copied", "key-increase"),
        *("key-increase-error", "key-replace-confirm", "key-more", "key-long-name-as-hex"),
        *("add-collection", "added-collection", "key-local", "fragments"),
        *("matching-help", "matching-nothing", "matching-when", "namespaces-help"),
        *("namespaces-database", "namespaces-files", "namespaces-inside", "namespaces-dead"),
        *("caches-bad-level", "caches-limited", "keys-exact", "keys-usual-columns"),
        *("keys-versions", "keys-database", "keys-files", "keys-dummy", "keys-empty"),
        *("key-text", "key-bytes", "key-compressed", "key-cut-pickle", "key-large-json"),
        *("key-never-expires", "key-set", "key-sorted-set", "key-no-history", "key-read"),
        *("key-edit-error", "key-edit-unread", "key-ttl-error", "key-ttl-changed"),
        "purge-error",
        *("info-local", "info-files", "info-dummy", "added", "matching-when-error"),
        *("health-help", "health-dead"),
    }
)
"""What is made of the same parts as other places: `make test` leaves them to `make test-all`."""
