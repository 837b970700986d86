"""A whole installation, and whoever keeps it up: what ends is started again at once, as a supervisor does."""

import random
import sys
import time
from collections import Counter
from pathlib import Path

from medblocks_connect.supervisor import wait_until_healthy, web_command
from tests.chaos.database import Database
from tests.chaos.processes import Process
from tests.ports import free_port

WEB, WORKER, DATABASE = "web server", "worker", "database"
# Whoever looks after the database has to notice first.
DATABASE_AWAY_SECONDS = (0.0, 1.5)
WORKER_COMMAND = [sys.executable, "-m", "tests.chaos.worker", "--hurry"]


class Installation:
    """`kills` counts what was killed, `ends` what ended by itself because something else had."""

    def __init__(self, database: Database, folder: Path, *, workers: int, chance: random.Random) -> None:
        self.kills, self.ends = Counter[str](), Counter[str]()
        self._database, self._folder, self._chance = database, folder, chance
        port = free_port()
        self.address = f"http://localhost:{port}"
        self._commands = {WEB: web_command(port)} | {f"{WORKER} {each}": WORKER_COMMAND for each in range(workers)}
        self._processes = {name: self._started(name) for name in self._commands}
        wait_until_healthy(self.address, [self._processes[WEB]])

    def keep_up(self) -> None:
        for name, process in self._processes.items():
            if not process.is_running():
                self.ends[name.split(" ")[0]] += 1
                self._processes[name] = self._started(name)

    def kill(self, part: str) -> None:
        """Kill one of that part, and start it again."""
        self.kills[part] += 1
        if part == DATABASE:
            self._database.kill()
            time.sleep(self._chance.uniform(*DATABASE_AWAY_SECONDS))
            self._database.start()
            return
        name = self._chance.choice([name for name in self._commands if name.startswith(part)])
        self._processes[name].kill()
        self._processes[name] = self._started(name)

    def stop(self) -> dict[str, int]:
        """Ask all to end; their exit statuses."""
        return {name: process.stop() for name, process in self._processes.items()}

    def end(self) -> None:
        """Whatever is left."""
        for process in self._processes.values():
            if process.is_running():
                process.kill()

    def _started(self, name: str) -> Process:
        return Process(name.replace(" ", "-"), self._commands[name], self._folder)
