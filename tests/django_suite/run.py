"""Run Django's own tests of caches and of cached sessions against our backends.

    python -m tests.django_suite.run [label ...]

The tests come from the source distribution of the Django that is installed, fetched once with
pip. Exits with 1 when a test fails.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import django

from tests import servers

HERE = Path(__file__).parent
SESSIONS = "sessions_tests.tests"
CONTRACTS = "cache.test_cachex"
DRIVERS = ("Valkey", "Redis")
VALKEY, REDIS = (f"django_cachex.cache.{driver}Cache" for driver in DRIVERS)

# Each lane is run beside the others. In a lane are those that share a place, one after the other.
Lanes = list[list[tuple[str, list[str]]]]


def contracts(*names: str) -> tuple[str, list[str]]:
    return VALKEY, [f"{CONTRACTS}.{name}CacheTests" for name in names]


LANES: Lanes = [
    [contracts("Valkey", "Redis")],
    [contracts("AwaitedValkey", "AwaitedRedis")],
    [contracts("ValkeySentinel", "RedisSentinel")],
    [contracts("ValkeyCluster", "RedisCluster")],
    [(VALKEY, [SESSIONS]), (REDIS, [SESSIONS])],
]
# With the contracts of all on event loops, and with sessions on each.
EVERYTHING: Lanes = [
    *LANES[:2],
    *(
        [
            contracts(f"Valkey{kind}", f"Redis{kind}"),
            contracts(f"AwaitedValkey{kind}", f"AwaitedRedis{kind}"),
            *((f"django_cachex.cache.{driver}{kind}Cache", [SESSIONS]) for driver in DRIVERS),
        ]
        for kind in ("Sentinel", "Cluster")
    ),
    LANES[-1],
]


def source_distribution() -> Path:
    """Return the source distribution of the installed Django, fetching it if it is not here."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = home / "django-cachex" / f"django-{django.__version__}"
    if not list(folder.glob("*.tar.gz")):
        folder.mkdir(parents=True, exist_ok=True)
        download = ["download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        download += ["--dest", str(folder)]
        subprocess.run(
            [sys.executable, "-m", "pip", *download, f"django=={django.__version__}"], check=True
        )
    return next(folder.glob("*.tar.gz"))


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack Django's tests, add ours, and return their folder."""
    with tarfile.open(archive) as tar:
        wanted = [member for member in tar if member.name.split("/")[1:2] == ["tests"]]
        tar.extractall(folder, wanted, filter="data")
    tests = next(folder.glob("*/tests"))
    shutil.copy(HERE / "contract.py", tests / "cache" / "test_cachex.py")
    shutil.copy(HERE / "project.py", tests / "test_cachex_project.py")
    return tests


@dataclass(frozen=True)
class Places:
    """Where the caches of the tests are."""

    server: str
    cluster: str
    sentinel_port: int

    def environment(self, backend: str) -> dict[str, str]:
        """Return what tells the settings so; the default cache is a `backend`."""
        location, options = self.server, {}
        if "Cluster" in backend:
            location = self.cluster
        elif "Sentinel" in backend:
            location = "redis://mymaster"
            options = {"sentinels": [("127.0.0.1", self.sentinel_port)]}
        return {
            "CACHEX_SUITE_BACKEND": backend,
            "CACHEX_SUITE_LOCATION": location,
            "CACHEX_SUITE_OPTIONS": json.dumps(options),
            "CACHEX_SUITE_CLUSTER": self.cluster,
            "CACHEX_SUITE_SENTINEL": str(self.sentinel_port),
        }


@contextmanager
def places() -> Iterator[Places]:
    with servers.valkey() as server, servers.cluster() as nodes, servers.sentinel() as fleet:
        cluster = ",".join(f"redis://{node.address}" for node in nodes)
        yield Places(f"redis://{server.address}", cluster, fleet.sentinel.port)


def run(tests: Path, backend: str, labels: list[str], where: Places) -> list[int]:
    """Run Django's test runner; return how many passed, failed and were skipped."""
    environment = os.environ | where.environment(backend)
    command = [sys.executable, "-W", "error::ResourceWarning", "runtests.py", "--parallel=1"]
    done = subprocess.run(
        [*command, "--settings=test_cachex_project", *labels],
        cwd=tests,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    sys.stderr.write(done.stderr)
    ran = re.search(r"^Ran (\d+) tests?", done.stderr, re.MULTILINE)
    if ran is None:
        raise SystemExit(f"Django's test runner ended with {done.returncode} and ran nothing.")
    counts = re.findall(r"(?:\(|, )([a-z ]+)=(\d+)", done.stderr[ran.end() :])
    outcome = {name: int(number) for name, number in counts}
    failed = sum(outcome.get(name, 0) for name in ("failures", "errors"))
    skipped = outcome.get("skipped", 0)
    # A failed class fixture or subtest is counted without a test of its own.
    failed = max(failed, int(done.returncode != 0))
    return [int(ran[1]) - failed - skipped, failed, skipped]


def main(labels: list[str]) -> int:
    """Run `labels`, or the default, or `--all`; print the sums and return the exit status."""
    lanes = EVERYTHING if labels == ["--all"] else LANES
    if labels and labels != ["--all"]:
        lanes = [[(VALKEY, labels), (REDIS, labels)]]
    with tempfile.TemporaryDirectory(prefix="cachex-") as name, places() as where:
        tests = unpack(source_distribution(), Path(name))

        def run_lane(lane: list[tuple[str, list[str]]]) -> list[list[int]]:
            return [run(tests, backend, own_labels, where) for backend, own_labels in lane]

        with ThreadPoolExecutor(len(lanes)) as pool:  # They sleep most of the time.
            results = [outcome for lane in pool.map(run_lane, lanes) for outcome in lane]
    passed, failed, skipped = (sum(numbers) for numbers in zip(*results, strict=True))
    print(f"Django {django.__version__}: {passed} passed, {failed} failed, {skipped} skipped")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
