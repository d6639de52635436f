"""The `manage.py cachex` command."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from django_cachex.admin.management.commands._cachex.bulk import (
    DeleteSubcommand,
    ExpireSubcommand,
    FlushSubcommand,
)
from django_cachex.admin.management.commands._cachex.caches import (
    CachesSubcommand,
    InfoSubcommand,
    NamespacesSubcommand,
)
from django_cachex.admin.management.commands._cachex.context import (
    CommandContext,
    Output,
    Subcommand,
)
from django_cachex.admin.management.commands._cachex.keys import (
    GetSubcommand,
    KeysSubcommand,
    SetSubcommand,
)

SUBCOMMANDS: dict[str, type[Subcommand]] = {
    "caches": CachesSubcommand,
    "keys": KeysSubcommand,
    "get": GetSubcommand,
    "set": SetSubcommand,
    "delete": DeleteSubcommand,
    "expire": ExpireSubcommand,
    "info": InfoSubcommand,
    "namespaces": NamespacesSubcommand,
    "flush": FlushSubcommand,
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
            subcommand.add_arguments(subparser)
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
