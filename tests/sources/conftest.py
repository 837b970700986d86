import pytest

from sources.searching import index


@pytest.fixture(autouse=True)
def _changes_are_seen_at_once(monkeypatch):
    monkeypatch.setattr(index, "RECHECK_SECONDS", 0)
