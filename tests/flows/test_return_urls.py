"""Return URLs as a parser: whatever it is given, and what becomes of what it accepts."""

from urllib.parse import parse_qsl, urlsplit

from hypothesis import example, given, settings
from hypothesis import strategies as st

from flows.return_urls import ReturnUrlRefused, check_return_url, with_parameters
from organizations.models import Organization
from organizations.origins import origin_of

ANYWHERE = Organization(name="Bluebird Health", environment="sandbox")
APPS = Organization(
    name="Bluebird Health", environment="sandbox", allowed_return_origins=["https://app.example", "myapp:"]
)
ODD = st.one_of(
    st.sampled_from("/\\?#@:[]%.;,'\"&= \t\n\x00ü４\ud800"),
    st.sampled_from(["//", "%2f", "%00", "[::1]", "app.example", "evil.example"]),
)
PIECES = st.one_of(ODD, st.text(max_size=5))
BEGINNINGS = st.sampled_from(["https://", "https://app.example", "http://localhost", "myapp:", "HTTPS://[::1]:8/", ""])
URLS = st.builds(lambda start, pieces: start + "".join(pieces), BEGINNINGS, st.lists(PIECES, max_size=8))
NAMES = ["patient_id", "patient_session_id", "session_id", "success", "error_description"]
PARAMETERS = st.dictionaries(st.sampled_from(NAMES), st.text(min_size=1, max_size=50), min_size=1)


def accepts(url: str, organization: Organization) -> bool:
    try:
        check_return_url(url, organization)
    except ReturnUrlRefused:
        return False
    return True


@given(st.one_of(URLS, st.text()))
@settings(max_examples=1000)
def test_any_text_is_accepted_or_refused(url):
    for organization in (ANYWHERE, APPS):
        accepts(url, organization)


@given(st.one_of(URLS, st.from_regex(r"https://[a-z.]+(:[0-9]{1,5})?[/?][!-~]*", fullmatch=True)), PARAMETERS)
@example("https://app.example?patient_id=x", {"patient_id": "y"})
@example("https://app.example/?", {"patient_id": "a&b=c#d?é🙂"})
@example("myapp:done?x=1&", {"patient_id": "+ %"})
@settings(max_examples=1000)
def test_an_accepted_url_gets_our_parameters_exactly_once_after_its_own_and_is_otherwise_unchanged(url, parameters):
    if not (accepts(url, ANYWHERE) or accepts(url, APPS)):
        return
    before, after = urlsplit(url), urlsplit(with_parameters(url, parameters))

    own = parse_qsl(before.query, keep_blank_values=True)
    assert parse_qsl(after.query, keep_blank_values=True) == [*own, *parameters.items()]
    assert after.query.startswith(before.query)
    assert after._replace(query="") == before._replace(query="")


@given(URLS)
@settings(max_examples=1000)
def test_an_accepted_url_leads_to_a_listed_origin_and_has_nothing_that_a_page_or_a_header_reads_otherwise(url):
    if accepts(url, APPS):
        assert origin_of(url) in APPS.allowed_return_origins
        assert url.isascii()
        assert url.isprintable()
        assert not set(url) & set(" \\#")
        assert "@" not in urlsplit(url).netloc
