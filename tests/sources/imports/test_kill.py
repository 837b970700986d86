"""An import that is killed at any moment leaves the catalogue as it was before, or as it is after."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from bench.catalogue import made_up_bundle
from sources.imports import import_file, roll_back
from sources.models import DirectoryImport
from tests.sources.imports.listings import catalogue

CONTENT = """
    SELECT e.key, e.source_ids, f.retired_at IS NULL, to_jsonb(f) - '{id,brand_id}'::text[],
      (SELECT min(b.key) FROM sources_directoryentry b WHERE b.facility_id = f.brand_id),
      (SELECT array_agg(p.source_id ORDER BY p.source_id) FROM sources_facility_sources p WHERE p.facility_id = f.id)
    FROM sources_directoryentry e JOIN sources_facility f ON f.id = e.facility_id ORDER BY e.key
"""
LONGEST = 120
ROOT = Path(__file__).parents[3]
# `make chaos` kills it more often.
KILLS = int(os.environ.get("IMPORT_KILLS", "4"))
SOURCES = [(f"Health {number}", f"https://fhir{number}.example/r4") for number in range(30)]
IMPORT = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
import django
django.setup()
from django.db import connections
connections["default"].settings_dict["NAME"] = sys.argv[2]
from pathlib import Path
from sources.imports import import_file
print("ready", flush=True)
import_file(Path(sys.argv[1]), environment="production", directory="Health", force=True)
"""


def written(file: Path, facilities: int, seed: int) -> Path:
    file.write_text(json.dumps(made_up_bundle(SOURCES, facilities, seed)))
    return file


def begun(file: Path) -> subprocess.Popen:
    command = [sys.executable, "-c", IMPORT, str(file), settings.DATABASES["default"]["NAME"]]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout as said:
        assert said.readline() == "ready\n"
    return process


def settled() -> dict[str, list]:
    """The catalogue once the server has let go of whatever a killed import had locked."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM sources_catalogue FOR UPDATE")
    return catalogue()


def content() -> list[tuple]:
    """All that is listed with all that hangs on it, without ids, which differ from run to run."""
    with connection.cursor() as cursor:
        cursor.execute(CONTENT)
        return cursor.fetchall()


@pytest.mark.django_db(transaction=True)
def test_a_killed_import_leaves_the_catalogue_as_it_was_before_or_after(tmp_path):
    first, second = written(tmp_path / "first.json", 1500, 1), written(tmp_path / "second.json", 2500, 2)
    import_file(first, environment="production", directory="Health")
    before = settled()
    process = begun(second)
    started = time.monotonic()
    assert process.wait(timeout=LONGEST) == 0
    length, after = time.monotonic() - started, content()
    roll_back(DirectoryImport.objects.latest("pk").pk)
    assert settled() == before
    imports, outcomes = DirectoryImport.objects.count(), set()

    for moment in (random.Random(number).random() for number in range(KILLS)):
        process = begun(second)
        time.sleep(moment * length)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=LONGEST)
        is_before = settled() == before
        outcomes.add(is_before)
        assert is_before or content() == after
        assert is_before == (DirectoryImport.objects.count() == imports)
        if not is_before:
            roll_back(DirectoryImport.objects.latest("pk").pk)
            imports += 1

    assert True in outcomes
