"""Files that are not directories, or not whole: each is refused in one plain sentence, and nothing else is raised."""

import csv
import gzip
import io
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sources.reading import csv_rows, json_rows, opening, read_directory
from sources.reading.listing import UnreadableDirectoryError
from tests.sources.bundles import bundle, endpoint, organization, part_of, portal
from tests.sources.reading.files import packed, read_content, read_csv, read_json

R4 = "https://fhir.river.example/r4"
ROWS = [{"name": f"Clinic {number}", "url": f"https://fhir{number}.example/r4"} for number in range(40)]


def river() -> bytes:
    return bundle(
        endpoint(1, R4, name="River “R4”"),
        organization(2, "Rivière", endpoints=(1,), alias=["R"], extension=[portal("MyRiver", "https://my.example", 1)]),
        organization(3, "River Clinic", partOf=part_of(2), address=[{"city": "Folsom", "state": "CA"}]),
    )


def as_csv(rows: list[dict[str, str]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


@pytest.mark.parametrize(
    "written",
    [
        lambda content: content,
        packed,
        lambda content: b"\xef\xbb\xbf" + content,
        lambda content: packed(b"\xef\xbb\xbf" + content),
        lambda content: b"\xef\xbb\xbf" * 2 + content,
        lambda content: b"\r\n \xef\xbb\xbf\n" + content,
        lambda content: b"\n\n  " + content + b"\n",
        lambda content: packed(content[:100]) + packed(content[100:]),
    ],
    ids=["plain", "gzip", "BOM", "BOM in gzip", "two BOMs", "BOM after a line", "white space", "two gzip members"],
)
@pytest.mark.parametrize("content", [river(), json.dumps(ROWS).encode(), as_csv(ROWS)], ids=["Bundle", "JSON", "CSV"])
def test_the_same_is_read_however_the_file_is_written(content, written):
    assert read_content(written(content)) == read_content(content)
    assert read_content(content).facilities


def test_windows_line_ends_and_semicolons_are_read():
    (facility,) = read_csv('name;url\r\n"River; Clinic";https://a.example/r4\r\n').facilities

    assert (facility.name, facility.base_urls) == ("River; Clinic", ("https://a.example/r4",))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b" \n ", "is empty"),
        (packed(b""), "is empty"),
        (b"<!DOCTYPE html><html><body>Not found</body></html>", r"web page \(HTML\)"),
        (b"<?xml version='1.0'?><Bundle/>", "is XML"),
        (b"PK\x03\x04whatever", "neither text nor text packed"),
        (packed(packed(b"[]")), "neither text nor text packed"),
        ("[]".encode("utf-16"), "neither text nor text packed"),
        (b"\x1f\x8b\x00\x00", "gzip"),
        (b'[{"name": "Cl\xe9", "url": "https://a.example/r4"}]', "UTF8|UTF-8"),
        (b"name,url\nCl\xe9,https://a.example/r4\n", "not UTF-8"),
        (b'["\xed\xa0\x80"]', "not UTF-8"),
        (b"[]", "lists nothing"),
        (b'{"Endpoints": []}', "lists nothing"),
        (b"name,url\n", "neither JSON nor a CSV"),
        (b"{}", "neither a Bundle nor a list"),
        (b"[1, 2", "ends in the middle"),
        (b'{"resourceType": "Bundle"}', "no entries"),
        (b'{"resourceType": "Bundle", "entry": []}', "no entries"),
        (b'{"resourceType": "Patient"}', "not a Bundle"),
        (b'{"entry": [{}]}', "does not say that it is a FHIR Bundle"),
        (b"[1] [2]", "not JSON"),
        (b"[1e" + b"9" * 40 + b"]", "too long"),
        (b"[" + b"9" * 6000 + b"]", "too long"),
        (b"just words", "neither JSON nor a CSV"),
        (b"just words\nin two lines\n", "neither JSON nor a CSV"),
        (b"name,phone\nRiver,1\n", "No column of the file holds FHIR base URLs"),
        (b"url,phone\nhttps://a.example/r4,1\n", "No column of the file holds names"),
        (b'[{"a": 1}]', "No column of the file holds FHIR base URLs"),
        (b'{"a": [{"name": "A", "url": "u"}], "b": [{"name": "B", "url": "u"}]}', "several lists"),
        (b"developer,source,,\nRiver,https://river.example/apis,,\n", "web pages where they publish"),
        (b'[{"FormatType": "Lantern", "URL": "https://a.example", "FileName": "a.json"}]', "web pages"),
    ],
)
def test_what_is_no_directory_is_refused_with_a_plain_sentence(content, sentence):
    with pytest.raises(UnreadableDirectoryError, match=sentence) as raised:
        read_content(content)
    assert "\n" not in str(raised.value)
    assert str(raised.value).endswith(".")


@pytest.mark.parametrize("name", ["missing", "."])
def test_a_file_that_cannot_be_opened_is_refused_too(tmp_path, name):
    with pytest.raises(UnreadableDirectoryError, match="cannot be read"):
        read_directory(tmp_path / name, sandbox=False)


@pytest.mark.parametrize("content", [river(), json.dumps(ROWS).encode()], ids=["Bundle", "list"])
@pytest.mark.parametrize("part", range(1, 50))
def test_json_that_was_cut_off_anywhere_is_refused(content, part):
    with pytest.raises(UnreadableDirectoryError, match="ends in the middle"):
        read_content(content[: len(content) * part // 50])


@pytest.mark.parametrize("part", range(1, 50))
def test_a_gzip_that_was_cut_off_anywhere_is_refused(part):
    content = packed(river())

    with pytest.raises(UnreadableDirectoryError, match="ends in the middle"):
        read_content(content[: max(2, len(content) * part // 50)])


@pytest.mark.parametrize("text", ['name,url\nA,https://a.example/r4\n"B', "name,url\nA,https://a.example/r4\nB"])
def test_a_csv_that_ends_inside_a_row_is_refused(text):
    with pytest.raises(UnreadableDirectoryError, match="ends in the middle"):
        read_csv(text)


def test_a_csv_without_a_line_end_at_its_end_is_whole():
    assert len(read_csv("name,url\nA,https://a.example/r4\nB,https://b.example/r4").facilities) == 2


def test_a_row_that_is_no_csv_costs_that_row():
    listing = read_csv('name,url\n"A" and more,https://a.example/r4\nB,https://b.example/r4\n')

    assert [facility.name for facility in listing.facilities] == ["B"]
    assert sum(listing.refusals.values()) == 1


@pytest.mark.parametrize("opening_bracket", [b"[", b'{"a":'])
def test_depth_without_end_is_refused_and_does_not_exhaust_the_reader(opening_bracket):
    with pytest.raises(UnreadableDirectoryError, match="levels deep"):
        read_content(opening_bracket * 200_000)


def test_a_hundred_levels_are_read_and_one_more_is_not():
    row = {"name": "River", "url": R4}
    deep = "[" * 98 + "]" * 98

    assert read_content(f'[{json.dumps(row)[:-1]}, "x": {deep}}}]'.encode()).facilities
    with pytest.raises(UnreadableDirectoryError, match="levels deep"):
        read_content(f'[{json.dumps(row)[:-1]}, "x": [{deep}]}}]'.encode())


def test_a_gzip_bomb_is_refused_long_before_it_is_unpacked():
    bomb = io.BytesIO()
    with gzip.GzipFile(fileobj=bomb, mode="wb", mtime=0) as file:
        for _ in range(32):
            file.write((b'"' + b" " * 997 + b'",') * 1000)

    with pytest.raises(UnreadableDirectoryError, match="200 times its size"):
        read_content(b"".join([packed(b"["), bomb.getvalue()]))


def test_too_much_text_too_many_rows_and_too_long_values_are_refused(monkeypatch):
    content = json.dumps(ROWS).encode()
    monkeypatch.setattr(json_rows, "MAX_ROWS", 39)
    monkeypatch.setattr(csv_rows, "MAX_ROWS", 39)
    for rows in (content, as_csv(ROWS)):
        with pytest.raises(UnreadableDirectoryError, match="more than 39 entries"):
            read_content(rows)
    monkeypatch.setattr(opening, "MAX_UNPACKED", 100)
    with pytest.raises(UnreadableDirectoryError, match="MB of text"):
        read_content(content)


@pytest.mark.parametrize(
    "content",
    [
        json.dumps([{"name": "x" * 5_000_000, "url": R4}]).encode(),
        json.dumps([{"name": ["x"] * 1_500_000, "url": R4}]).encode(),
        json.dumps({"x": "x" * 5_000_000, "list": ROWS}).encode(),
        b"name,url\n" + b"x" * 5_000_000,
    ],
    ids=["long string", "many values", "long string outside rows", "long line"],
)
def test_one_enormous_entry_is_refused(content):
    with pytest.raises(UnreadableDirectoryError, match=r"(longer|larger) than 4 MB"):
        read_content(content)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 13, 64])
def test_escapes_are_read_wherever_a_piece_ends(size, monkeypatch):
    monkeypatch.setattr(opening, "CHUNK", size)
    names = [
        "\ud83d\ude00 Smile",
        "\\ud800 Back",
        "Half \ud800 of",
        "Half \udc00 of",
        "\\\\",
        "Tab\tbed",
        "\ude00\ud83d",
    ]
    content = json.dumps([{"name": name, "url": R4} for name in names]).encode()

    listing = read_content(content)

    assert [facility.name for facility in listing.facilities] == [
        "😀 Smile", "\\ud800 Back", "Half of", "\\\\", "Tab bed"
    ]  # fmt: skip
    assert {refusal.name: count for refusal, count in listing.refusals.items()} == {"DUPLICATE": 1, "NO_NAME": 1}


def test_progress_is_told_up_to_the_last_byte(tmp_path):
    path: Path = tmp_path / "river"
    path.write_bytes(packed(json.dumps(ROWS * 200).encode()))
    told: list[tuple[int, int]] = []

    read_directory(path, sandbox=False, progress=lambda done, total: told.append((done, total)))

    assert told == sorted(told)
    assert told[-1] == (path.stat().st_size, path.stat().st_size)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(
        ["Organization", "Endpoint", R4, "Endpoint/1", "#1", "http://hl7.org/fhir/sid/us-npi", "4.0.1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["resource", "resourceType", "id", "name", "endpoint", "reference", "partOf", "address",
                         "extension", "url", "valueReference", "contained", "managingOrganization", "alias", "value",
                         "identifier", "system", "telecom", "line", "status", "fullUrl", "connectionType"])
        | st.text(max_size=5), inner, max_size=6),
    max_leaves=30,
)  # fmt: skip


def _only_refuses(content: bytes) -> None:
    try:
        read_content(content)
    except UnreadableDirectoryError as error:
        assert str(error)  # noqa: PT017 (either outcome is right; what matters is that nothing else is raised)


class TestAnything:
    @given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
    def test_bytes(self, content):
        for start in (b"", b"[", b'{"Endpoints": [', b"name,url\n", b"\x1f\x8b\x08\x00"):
            _only_refuses(start + content)

    @settings(suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(_VALUES, max_size=5))
    def test_json_of_any_shape(self, values):
        for shape in ({"resourceType": "Bundle", "entry": values}, {"Endpoints": values}, values, {"x": values}):
            _only_refuses(json.dumps(shape).encode())

    @given(st.data())
    def test_a_bundle_with_some_bytes_changed(self, data):
        content = bytearray(river())
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, len(content) - 1))
            content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        _only_refuses(bytes(content))
        _only_refuses(packed(bytes(content)))

    @given(st.data())
    def test_a_gzip_with_some_bytes_changed(self, data):
        content = bytearray(packed(river()))
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] ^= data.draw(st.integers(1, 255))
        _only_refuses(bytes(content))

    @given(st.data())
    def test_values_of_the_wrong_type_in_a_bundle_and_in_a_list(self, data):
        for value in (json.loads(river()), json.loads(json.dumps(ROWS[:2]))):
            _replace_one(data, value)
            read = data.draw(st.sampled_from([True, False]))
            try:
                read_json(value, sandbox=read)
            except UnreadableDirectoryError as error:
                assert str(error)  # noqa: PT017


def _replace_one(data, value):
    """Put something else in the place of one value, somewhere inside."""
    while isinstance(value, dict | list) and value:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(value[key], dict | list) or not value[key] or data.draw(st.integers(0, 3)) == 0:
            value[key] = data.draw(_VALUES)
            return
        value = value[key]
