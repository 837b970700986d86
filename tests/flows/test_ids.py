"""Public ids of flows as a parser."""

from hypothesis import given
from hypothesis import strategies as st

from common.ids import is_ulid, new_ulid
from flows.dialects import DIALECTS, flow_id_of

PREFIXES = [dialect.prefix for dialect in DIALECTS.values()]


@given(st.one_of(st.text(), st.builds(str.__add__, st.sampled_from(["pf_", "ps_", "sess_", "pf", ""]), st.text())))
def test_any_text_is_a_flows_id_or_is_not(text):
    ulid = flow_id_of(text)

    assert ulid is None or (is_ulid(ulid) and text.removesuffix(ulid) in PREFIXES)


@given(st.sampled_from(list(DIALECTS.values())), st.from_regex(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", fullmatch=True))
def test_what_a_dialect_writes_is_read_again(dialect, ulid):
    assert flow_id_of(dialect.public_id(ulid)) == ulid


@given(st.sampled_from(PREFIXES), st.integers(0, 30), st.text(min_size=1, max_size=1))
def test_no_character_can_be_changed_for_one_that_is_not_in_the_alphabet_or_added(prefix, place, character):
    public_id = prefix + new_ulid()
    changed = public_id[:place] + character + public_id[place:]

    assert flow_id_of(changed) is None
