"""The `manage.py cachex` command."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from django.core.management.base import BaseCommand, CommandParser

from django_cachex.admin.management.commands._cachex.change import (
    delete_keys,
    expire_keys,
    flush_caches,
    set_value,
)
from django_cachex.admin.management.commands._cachex.context import CommandContext, Output
from django_cachex.admin.management.commands._cachex.doctor import examine_caches
from django_cachex.admin.management.commands._cachex.purge import purge_urls
from django_cachex.admin.management.commands._cachex.read import (
    get_value,
    list_caches,
    list_keys,
    list_namespaces,
    show_info,
)
from django_cachex.admin.management.commands._cachex.sessions import manage_sessions
from django_cachex.inspectors.edits import ExpireCondition

AddArguments = Callable[[ArgumentParser], None]


def add_cache(parser: ArgumentParser) -> None:
    parser.add_argument("cache", help="an alias in settings.CACHES")


def add_caches(parser: ArgumentParser) -> None:
    parser.add_argument("caches", nargs="+", metavar="cache", help="aliases in settings.CACHES")


def add_optional_caches(parser: ArgumentParser) -> None:
    parser.add_argument(
        "caches",
        nargs="*",
        metavar="cache",
        help="aliases in settings.CACHES; all of them by default",
    )


def add_key(parser: ArgumentParser) -> None:
    parser.add_argument("key", help="the name of the key, as used in application code")


def add_keys(parser: ArgumentParser) -> None:
    parser.add_argument("keys", nargs="*", help="the names of keys, as used in application code")
    parser.add_argument("--pattern", default="", help="all keys that match; * matches anything")
    parser.add_argument("--type", default="", help="with --pattern, only keys of this type")
    add_kind(parser)


def add_kind(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--kind", default="", help="only keys of this kind, such as page, fragment or session"
    )


def add_search(parser: ArgumentParser) -> None:
    parser.add_argument(
        "pattern", nargs="?", default="", help="* matches anything; without *, any part of a key"
    )
    parser.add_argument("--type", default="", help="only keys of this type")
    add_kind(parser)
    parser.add_argument(
        "--value-contains",
        default="",
        metavar="TEXT",
        help="only keys whose value contains this text, in any case",
    )
    parser.add_argument(
        "--limit", type=int, default=100, help="the maximum number of keys; 0 for all"
    )


def add_unsafe(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--unsafe",
        action="store_true",
        help="use the backend's get() if needed; this may run code that is stored in the value",
    )


def add_value(parser: ArgumentParser) -> None:
    parser.add_argument("value", help="the value, or - for standard input")
    parser.add_argument(
        "--as",
        dest="store_as",
        choices=["auto", "text", "json", "integer"],
        default="auto",
        help="auto: a value that starts with { or [ is JSON, anything else is text",
    )
    parser.add_argument("--replace", action="store_true", help="replace the key if it exists")


def add_expiry(parser: ArgumentParser, required: bool = False) -> None:
    group = parser.add_mutually_exclusive_group(required=required)
    group.add_argument(
        "--in",
        dest="duration",
        metavar="DURATION",
        help="expire after this time, such as 90 (seconds), 1h30m, '2 days' or PT1H30M",
    )
    group.add_argument("--never", action="store_true", help="never expire")


def add_required_expiry(parser: ArgumentParser) -> None:
    add_expiry(parser, required=True)
    parser.add_argument(
        "--only",
        choices=[ExpireCondition.PERSISTENT, ExpireCondition.LONGER, ExpireCondition.SHORTER],
        help="with --in, change only keys that never expire (persistent), those and keys "
        "with a longer TTL (longer), or keys with a shorter TTL (shorter)",
    )


def add_sample(parser: ArgumentParser) -> None:
    parser.add_argument("--under", default="", help="only keys that start with this")
    parser.add_argument("--all", action="store_true", help="count every key, not a sample")


def add_change_options(parser: ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="don't ask for confirmation")
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would be done, and change nothing"
    )
    parser.add_argument("--user", default="", help="the user to record in the admin's history")


def add_session_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--of", default="", metavar="USER", help="a user name, an e-mail address or a primary key"
    )
    parser.add_argument("--end", action="store_true", help="end all sessions of this user")


def add_urls(parser: ArgumentParser) -> None:
    parser.add_argument(
        "urls",
        nargs="+",
        metavar="URL",
        help="a path, an address, or the name of a view with its arguments, quoted: 'lamp 5'",
    )
    parser.add_argument(
        "--cache", default="", help="an alias; by default, all caches that list their keys"
    )
    parser.add_argument(
        "--host", action="append", help="a host of the site, in place of those in the settings"
    )
    parser.add_argument(
        "--prefix",
        action="append",
        help="a key_prefix of cache_page, for caches that can't search their key names",
    )


class Subcommand(NamedTuple):
    """A subcommand of `manage.py cachex`."""

    run: Callable[[CommandContext], int]
    """Runs it and returns the exit code."""

    help: str
    arguments: Sequence[AddArguments] = ()


SUBCOMMANDS = {
    "caches": Subcommand(
        list_caches, "List the caches in settings.CACHES and whether they are up."
    ),
    "keys": Subcommand(
        list_keys, "List all keys, or those that match a pattern.", [add_cache, add_search]
    ),
    "get": Subcommand(
        get_value,
        "Show the value of a key, without executing it.",
        [add_cache, add_key, add_unsafe],
    ),
    "set": Subcommand(
        set_value,
        "Store a value under a key, through the cache's serializer.",
        [add_cache, add_key, add_value, add_expiry, add_change_options],
    ),
    "delete": Subcommand(
        delete_keys,
        "Delete keys, by name or by pattern.",
        [add_cache, add_keys, add_change_options],
    ),
    "expire": Subcommand(
        expire_keys,
        "Set or remove the TTL of keys, by name or by pattern.",
        [add_cache, add_keys, add_required_expiry, add_change_options],
    ),
    "purge": Subcommand(
        purge_urls,
        "Delete the cached pages of URLs, in all their variants.",
        [add_urls, add_change_options],
    ),
    "info": Subcommand(
        show_info, "Show the configuration of a cache and information from its server.", [add_cache]
    ),
    "namespaces": Subcommand(
        list_namespaces,
        "Count keys by the parts of their names, in a sample or in all keys.",
        [add_cache, add_sample],
    ),
    "doctor": Subcommand(
        examine_caches,
        "Compare the settings of caches with their servers and with a sample of their keys. "
        "Exits with 1 if there are warnings, and with 2 if anything is critical.",
        [add_optional_caches],
    ),
    "sessions": Subcommand(
        manage_sessions,
        "Count the sessions in a cache, or list or end those of a user.",
        [add_session_options, add_change_options],
    ),
    "flush": Subcommand(
        flush_caches,
        "Delete all entries of caches, after showing what will be deleted.",
        [add_caches, add_change_options],
    ),
}


class Command(BaseCommand):
    help = "Inspect and change the caches in settings.CACHES."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        subparsers = parser.add_subparsers(dest="subcommand", required=True, metavar="COMMAND")
        for name, subcommand in SUBCOMMANDS.items():
            subparser = subparsers.add_parser(
                name, help=subcommand.help, description=subcommand.help
            )
            subparser.add_argument(
                "--json", action="store_true", help="write each result as a line of JSON"
            )
            for add in subcommand.arguments:
                add(subparser)
        subparser = subparsers.add_parser(
            "help", help="Show this help, or the help of a subcommand."
        )
        subparser.add_argument("about", nargs="?", choices=list(SUBCOMMANDS), metavar="COMMAND")
        self.parser, self.subparsers = parser, subparsers.choices

    def handle(self, *args: Any, **options: Any) -> None:
        if options["subcommand"] == "help":
            about = options["about"]
            self.stdout.write((self.subparsers[about] if about else self.parser).format_help())
            return
        output = Output(self.stdout, self.stderr, options["json"])
        code = SUBCOMMANDS[options["subcommand"]].run(CommandContext(output, options))
        if code:
            sys.exit(code)
