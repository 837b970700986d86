"""`make bench-import`: what importing a directory at the size of the largest real one costs.

Writes such a file, imports it with the real command into a database of its own, twice: the second time nothing
changes. Time and memory are those of the command's process; PostgreSQL runs beside it.
"""

import sys
import tempfile
from pathlib import Path

from bench.epic_scale import write_directory
from bench.report import megabytes_of, print_machine, print_table, verdict
from bench.workplace import is_inside, measured, run_inside

MOST_SECONDS, MOST_MB = 90.0, 400.0


def main() -> None:
    if not is_inside():
        sys.exit(run_inside("bench.directory_import", sys.argv[1:]))
    print_machine("make bench-import")
    measured("migrate", "--verbosity", "0")
    with tempfile.TemporaryDirectory(prefix="bench-file-") as directory:
        path = Path(directory) / "brands.json"
        write_directory(path)
        print(f"{path.name}: {megabytes_of(path):.1f} MB")
        runs = {name: measured("import_directory", str(path), "--vendor", "epic") for name in ("first", "second")}
    rows = [
        [
            name,
            f"{run.seconds:.1f}",
            f"{run.peak_mb:.0f}",
            verdict(run.seconds <= MOST_SECONDS and run.peak_mb <= MOST_MB),
        ]
        for name, run in runs.items()
    ]
    print_table(["import", "seconds", "MB at most", f"≤ {MOST_SECONDS:g} s and ≤ {MOST_MB:g} MB"], rows)
    for name, run in runs.items():
        print(f"what the {name} import said:\n{run.output}")


if __name__ == "__main__":
    main()
