"""`python -m demo [PORT]`: run Valkey, fill the caches, and serve the admin."""

from __future__ import annotations

import argparse
import os
import signal
import socketserver
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import NoReturn

import django
from django.core.servers.basehttp import WSGIRequestHandler, WSGIServer

from tests import servers

HOST = "127.0.0.1"


class ThreadedServer(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("port", nargs="?", type=int, default=8000)
    port: int = parser.parse_args().port
    # Handle a closed terminal and `kill` like Ctrl-C, so that Valkey stops with the demo. SIGINT
    # needs a handler, too: background processes of a shell ignore it by default.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        with _listen(port) as server, servers.valkey() as valkey, _memcached() as address:
            _prepare(valkey.port, address)
            _serve(server, valkey)
    except KeyboardInterrupt:
        print("\nThe demo and its Valkey have ended.")


@contextmanager
def _memcached() -> Iterator[str]:
    """Run memcached and yield its address, or an empty string if it isn't installed."""
    with ExitStack() as stack:
        address = ""
        with suppress(FileNotFoundError):
            address = stack.enter_context(servers.memcached()).address
        yield address


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _listen(port: int) -> ThreadedServer:
    try:
        return ThreadedServer((HOST, port), WSGIRequestHandler)
    except (OSError, OverflowError) as exc:
        sys.exit(f"Cannot listen on {HOST}:{port} ({exc}). Choose another: make demo PORT=8001")


def _prepare(valkey_port: int, memcached: str) -> None:
    os.environ["DEMO_VALKEY_PORT"] = str(valkey_port)
    os.environ["DEMO_MEMCACHED"] = memcached
    os.environ["DJANGO_SETTINGS_MODULE"] = "demo.settings"
    django.setup()

    from django.core.management import call_command

    from demo.seed import seed
    from demo.settings import STATE
    from demo.users import create_users

    print("Preparing the database, the users and the caches …", flush=True)
    STATE.mkdir(parents=True, exist_ok=True)
    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    create_users()
    seed()


def _serve(server: ThreadedServer, valkey: servers.Server) -> None:
    from django.contrib.staticfiles.handlers import StaticFilesHandler
    from django.core.wsgi import get_wsgi_application

    from demo.users import STAFF

    server.set_app(StaticFilesHandler(get_wsgi_application()))
    print(f"\n  Staff with a few permissions each: {', '.join(STAFF)} (password: the name)")
    print(f"  Valkey listens on {valkey.address}; Ctrl-C ends everything.\n")
    print(
        f"  http://{HOST}:{server.server_port}/admin/   user: admin   password: admin\n", flush=True
    )
    server.serve_forever()


if __name__ == "__main__":
    main()
