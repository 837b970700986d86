"""The test portal itself: strict where the standards are, and faulty exactly as told."""

import base64
import hashlib
import json
import secrets
import socket
import time
from dataclasses import dataclass, field
from itertools import permutations
from urllib.parse import parse_qs, quote_plus, urlsplit

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.portals import LONG_ID, NASTY_DESCRIPTION, Answer, Choices, Listener, Portal, ReturnApp

CLIENT = "app one/é"
SECRET = "s3cret+/=: ü%41"
RETURN = "http://127.0.0.1:9/callback"
SCOPE = "openid launch/patient offline_access patient/*.rs"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

ES_KEY = ec.generate_private_key(ec.SECP384R1())
RS_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def published() -> dict:
    es = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(ES_KEY.public_key()))
    rs = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(RS_KEY.public_key()))
    return {"keys": [es | {"kid": "es", "alg": "ES384"}, rs | {"kid": "rs", "alg": "RS384"}]}


@dataclass
class App:
    """A plain client, which a test can tell to do single things wrong."""

    portal: Portal
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    state: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def __post_init__(self) -> None:
        self.http = requests.Session()
        self.http.trust_env = False
        self.portal.register(client_id=CLIENT, client_secret=SECRET, redirect_uri=RETURN, jwks=published())

    def get(self, url: str, **more) -> requests.Response:
        return self.http.get(url, allow_redirects=False, timeout=5, **more)

    def post(self, url: str, form: dict, **more) -> requests.Response:
        return self.http.post(url, data=form, allow_redirects=False, timeout=5, **more)

    def authorize_url(self, **changes: str | None) -> str:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        wanted = {
            "response_type": "code",
            "client_id": CLIENT,
            "redirect_uri": RETURN,
            "state": self.state,
            "aud": self.portal.fhir_base_url,
            "scope": SCOPE,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        } | changes
        return requests.Request("GET", self.portal.addresses.authorize, params=wanted).prepare().url

    def callback(self, **changes: str | None) -> dict[str, str]:
        """The query that comes back."""
        return {name: values[0] for name, values in self.callback_lists(**changes).items()}

    def callback_lists(self, **changes: str | None) -> dict[str, list[str]]:
        back = self.portal.sign_in(self.authorize_url(**changes))
        assert back.startswith(RETURN)
        return parse_qs(urlsplit(back).query, keep_blank_values=True)

    def exchange(self, code: str | None = None, *, changes: dict | None = None, **more) -> requests.Response:
        """The token request for a code; `changes` may also be to leave out, with None."""
        form = {
            "grant_type": "authorization_code",
            "code": code or self.callback()["code"],
            "redirect_uri": RETURN,
            "code_verifier": self.verifier,
        }
        return self.post(self.portal.addresses.token, form | (changes or {"client_id": CLIENT}), **more)

    def refresh(self, token: str) -> requests.Response:
        form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": CLIENT}
        return self.post(self.portal.addresses.token, form)

    def read(self, path: str, token: str) -> requests.Response:
        return self.get(f"{self.portal.fhir_base_url}/{path}", headers={"Authorization": f"Bearer {token}"})

    def assertion(self, key=ES_KEY, alg: str = "ES384", kid: str = "es", **changes) -> dict[str, str]:
        now = int(time.time())
        claims = {"iss": CLIENT, "sub": CLIENT, "aud": self.portal.addresses.token, "exp": now + 60}
        claims = {"jti": secrets.token_hex(), **claims, **changes}
        claims = {name: value for name, value in claims.items() if value is not None}
        signed = jwt.encode(claims, key, algorithm=alg, headers={"kid": kid})
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": signed}


@pytest.fixture
def start():
    """Portals that stop with the test."""
    started: list[Portal] = []

    def start(**choices) -> App:
        started.append(Portal(Choices(**choices)).start())
        return App(started[-1])

    yield start
    for portal in started:
        portal.stop()


def basic(client_id: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


def good_proof(app: App, method: str) -> dict:
    """How to prove who one is, in each of the four ways."""
    return {
        "none": lambda: {"changes": {"client_id": CLIENT}},
        "post": lambda: {"changes": {"client_id": CLIENT, "client_secret": SECRET}},
        "basic": lambda: {"changes": {"x": "1"}, "headers": basic(quote_plus(CLIENT), quote_plus(SECRET))},
        "private_key_jwt": lambda: {"changes": app.assertion()},
    }[method]()


# The whole journey


@pytest.mark.parametrize("method", ["none", "basic", "post", "private_key_jwt"])
def test_each_client_authentication_is_accepted(start, method):
    app = start(client_auth=method)

    answer = app.exchange(**good_proof(app, method))

    assert answer.status_code == 200
    assert answer.json()["token_type"] == "Bearer"
    assert answer.json()["scope"] == SCOPE
    assert answer.json()["patient"] == "patient-1"
    assert app.portal.violations == []


@pytest.mark.parametrize(("chosen", "used"), list(permutations(["none", "basic", "post", "private_key_jwt"], 2)))
def test_any_other_client_authentication_is_refused(start, chosen, used):
    app = start(client_auth=chosen)

    answer = app.exchange(**good_proof(app, used))

    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"
    assert len(app.portal.violations) == 1


@pytest.mark.parametrize(
    "header",
    [
        basic(CLIENT.replace("é", "e"), SECRET.replace("ü", "u")),
        basic(quote_plus(CLIENT), "s3cret+/=: u%41"),
        basic(quote_plus(CLIENT), quote_plus("wrong")),
        basic("nobody", quote_plus(SECRET)),
        {"Authorization": "Basic !!!"},
        {"Authorization": "Bearer abc"},
    ],
)
def test_a_raw_or_wrong_basic_header_is_refused(start, header):
    app = start(client_auth="basic")

    answer = app.exchange(changes={"x": "1"}, headers=header)

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert "WWW-Authenticate" in answer.headers


def test_a_raw_basic_header_is_accepted_where_encoding_changes_nothing(start):
    app = start(client_auth="basic")
    app.portal.register(client_id="plain-app", client_secret="plain.secret_1", redirect_uri=RETURN)
    code = app.callback(client_id="plain-app")["code"]

    answer = app.exchange(code, changes={"client_id": "plain-app"}, headers=basic("plain-app", "plain.secret_1"))

    assert answer.status_code == 200


def test_a_wrong_secret_in_the_body_is_refused(start):
    app = start(client_auth="post")

    answer = app.exchange(changes={"client_id": CLIENT, "client_secret": "wrong"})

    assert answer.json()["error"] == "invalid_client"
    assert app.portal.violations == ["The client secret is wrong."]


@pytest.mark.parametrize(
    ("claims", "sentence"),
    [
        ({"iss": "nobody"}, "No client is registered"),
        ({"sub": "another"}, "The sub"),
        ({"aud": "http://127.0.0.1/other"}, "The aud"),
        ({"exp": None}, "no exp"),
        ({"exp": 1000}, "has expired"),
        ({"exp": 9_999_999_999}, "more than five minutes"),
        ({"jti": None}, "no jti"),
        ({"alg": "RS256", "key": RS_KEY, "kid": "rs"}, "RS256"),
        ({"alg": "RS384", "key": RS_KEY, "kid": "unknown"}, "kid"),
        ({"alg": "RS384", "key": RS_KEY, "kid": "es"}, "signature"),
        ({"key": ec.generate_private_key(ec.SECP384R1())}, "signature"),
    ],
)
def test_a_wrong_assertion_is_refused_with_the_reason(start, claims, sentence):
    app = start(client_auth="private_key_jwt")

    answer = app.exchange(changes=app.assertion(**claims))

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert sentence in app.portal.violations[0]


def test_an_rsa_assertion_is_accepted_and_works_only_once(start):
    app = start(client_auth="private_key_jwt")
    assertion = app.assertion(key=RS_KEY, alg="RS384", kid="rs")

    first = app.exchange(changes=assertion)
    again = app.exchange(changes=assertion)

    assert first.status_code == 200
    assert again.status_code == 401
    assert app.portal.violations == ["The jti of the assertion was used before."]


def test_keys_are_fetched_from_the_address_of_the_client(start):
    with Listener("keys", lambda _: Answer.json(published())) as keys:
        app = start(client_auth="private_key_jwt")
        app.portal.register(client_id=CLIENT, redirect_uri=RETURN, jwks_url=f"{keys.origin}/jwks.json")

        assert app.exchange(changes=app.assertion()).status_code == 200

    assert app.exchange(changes=app.assertion()).status_code == 401
    assert "cannot be fetched" in app.portal.violations[0]


# The authorize request


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"state": None}, "invalid_request"),
        ({"state": "123"}, "invalid_request"),
        ({"aud": None}, "invalid_request"),
        ({"aud": "http://127.0.0.1/fhir/r4/"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": "=" * 43}, "invalid_request"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": "openid  openid"}, "invalid_scope"),
        ({"scope": ["openid", "fhirUser"]}, "invalid_request"),
    ],
)
def test_a_wrong_authorize_request_comes_back_as_an_error(start, changes, error):
    app = start()

    back = app.callback(**changes)

    assert back["error"] == error
    assert back.get("state") == changes.get("state", app.state)
    assert len(app.portal.violations) == 1


@pytest.mark.parametrize("changes", [{"client_id": "nobody"}, {"redirect_uri": RETURN + "/"}, {"redirect_uri": None}])
def test_an_unknown_client_or_return_address_is_not_redirected(start, changes):
    app = start()

    answer = app.get(app.authorize_url(**changes))

    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert len(app.portal.violations) == 1


def test_the_sign_in_page_has_labels_and_asks_again_after_a_wrong_password(start):
    app = start()
    page = app.get(app.authorize_url()).text
    ticket = page.partition('name="ticket" value="')[2].partition('"')[0]
    form = {"ticket": ticket, "username": "patient", "password": "wrong", "decision": "allow"}

    again = app.post(app.portal.addresses.sign_in, form)
    done = app.post(app.portal.addresses.sign_in, form | {"password": "portal-password"})
    used = app.post(app.portal.addresses.sign_in, form | {"password": "portal-password"})

    assert '<label for="username">' in page
    assert '<label for="password">' in page
    assert 'role="alert"' in again.text
    assert done.headers["Location"].startswith(RETURN + "?code=")
    assert used.status_code == 400


def test_a_denial_comes_back_as_access_denied(start):
    app = start()

    back = parse_qs(urlsplit(app.portal.sign_in(app.authorize_url(), "deny")).query)

    assert back["error"] == ["access_denied"]
    assert back["state"] == [app.state]


def test_a_denial_may_end_at_the_portal(start):
    app = start(denial_comes_back=False)

    with pytest.raises(AssertionError, match="leads nowhere"):
        app.portal.sign_in(app.authorize_url(), "deny")


def test_auto_approve_needs_no_page(start):
    app = start(auto_approve=True)

    answer = app.get(app.authorize_url())

    assert answer.headers["Location"].startswith(RETURN + "?code=")


@pytest.mark.parametrize("auto_approve", [True, False])
def test_an_identity_provider_is_another_origin_on_the_way(start, auto_approve):
    app = start(identity_provider=True, auto_approve=auto_approve)

    first = app.get(app.authorize_url())
    answer = app.exchange()

    assert first.headers["Location"].startswith(app.portal.origins["identity"] + "/sign-in?")
    assert answer.status_code == 200
    assert {"portal", "identity"} == {request.at for request in app.portal.requests}


def test_unwanted_scopes_are_refused_without_blaming_the_client(start):
    app = start(refuses_scopes=r"\.rs$")

    assert app.callback()["error"] == "invalid_scope"
    assert app.callback(scope="patient/*.read").keys() == {"code", "state"}
    assert app.portal.violations == []


# The callback


def test_iss_may_be_right_wrong_or_absent(start):
    right, wrong, absent = start(sends_iss=True), start(sends_iss="https://another.example"), start()

    assert right.callback()["iss"] == right.portal.fhir_base_url
    assert wrong.callback()["iss"] == "https://another.example"
    assert "iss" not in absent.callback()


def test_iss_is_announced_as_it_is_sent_unless_told_otherwise(start):
    sends, is_silent, lies = start(sends_iss=True), start(), start(advertises_iss=True)

    announced = [
        configuration(app).get("authorization_response_iss_parameter_supported") for app in (sends, is_silent, lies)
    ]

    assert announced == [True, None, True]


def test_the_issuer_may_differ_from_the_base(start):
    app = start(issuer="http://127.0.0.1/issuer", sends_iss=True)

    assert configuration(app)["issuer"] == "http://127.0.0.1/issuer"
    assert app.callback()["iss"] == "http://127.0.0.1/issuer"


@pytest.mark.parametrize(("chosen", "there"), [("wrong", ["not-the-state"]), ("absent", None)])
def test_the_state_may_come_back_wrong_or_not_at_all(start, chosen, there):
    assert start(callback_state=chosen).callback_lists().get("state") == there


def test_any_error_may_be_sent_with_any_description(start):
    described = start(
        authorize_error="temporarily_unavailable", authorize_error_description=NASTY_DESCRIPTION
    ).callback()
    bare = start(authorize_error="server_error").callback()

    assert described["error"] == "temporarily_unavailable"
    assert described["error_description"] == NASTY_DESCRIPTION
    assert bare.keys() == {"error", "state"}


def test_an_error_page_leads_nowhere(start):
    app = start(authorize_fault="error_page")

    answer = app.get(app.authorize_url())

    assert (answer.status_code, "Location" in answer.headers) == (400, False)
    assert app.portal.violations == []


@pytest.mark.parametrize(
    ("fault", "count", "different"), [("code_twice", 2, 1), ("two_codes", 2, 2), ("no_code", 0, 0)]
)
def test_codes_may_come_twice_or_not_at_all(start, fault, count, different):
    codes = start(authorize_fault=fault).callback_lists().get("code", [])

    assert (len(codes), len(set(codes))) == (count, different)


def test_a_code_may_be_empty(start):
    assert start(authorize_fault="empty_code").callback()["code"] == ""


# The token request


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": None}, "unsupported_grant_type"),
        ({"redirect_uri": RETURN + "?x=1"}, "invalid_grant"),
        ({"redirect_uri": None}, "invalid_grant"),
        ({"code_verifier": "v" * 50}, "invalid_grant"),
        ({"code_verifier": None}, "invalid_grant"),
        ({"code": "made-up"}, "invalid_grant"),
        ({"code": ["a", "b"]}, "invalid_request"),
    ],
)
def test_a_wrong_token_request_is_refused(start, changes, error):
    app = start()

    answer = app.exchange(changes={"client_id": CLIENT} | changes)

    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert len(app.portal.violations) == 1


def test_a_token_request_is_a_posted_form_without_a_query(start):
    app = start()
    url = app.portal.addresses.token

    answers = [app.get(url), app.post(f"{url}?code=1", {"a": "b"}), app.http.post(url, json={"a": "b"}, timeout=5)]

    assert [answer.status_code for answer in answers] == [405, 400, 400]
    assert len(app.portal.violations) == 3


def test_a_wrong_verifier_costs_the_code(start):
    app = start()
    code = app.callback()["code"]

    app.exchange(code, changes={"client_id": CLIENT, "code_verifier": "v" * 50})

    assert app.exchange(code).status_code == 400


def test_a_code_is_good_only_for_the_client_it_was_given_to(start):
    app = start()
    app.portal.register(client_id="other", redirect_uri=RETURN)
    code = app.callback()["code"]

    answer = app.exchange(code, changes={"client_id": "other"})

    assert answer.json()["error"] == "invalid_grant"
    assert app.exchange(code).status_code == 200


def test_a_code_used_twice_ends_the_tokens_made_from_it(start):
    app = start()
    code = app.callback()["code"]
    tokens = app.exchange(code).json()
    before = app.read("Patient/patient-1", tokens["access_token"])

    again = app.exchange(code)

    assert before.status_code == 200
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert app.read("Patient/patient-1", tokens["access_token"]).status_code == 401
    assert app.refresh(tokens["refresh_token"]).status_code == 400
    assert "used before" in app.portal.violations[0]


def test_an_old_code_is_refused(start):
    app = start(code_lifetime=0)

    assert app.exchange().json()["error"] == "invalid_grant"
    assert app.portal.violations == []


# Refreshing and revoking


@pytest.mark.parametrize("chosen", ["kept", "repeated", "rotated"])
def test_a_refresh_keeps_repeats_or_rotates_the_token(start, chosen):
    app = start(refresh_answer=chosen)
    old = app.exchange().json()["refresh_token"]

    new = app.refresh(old).json().get("refresh_token")

    assert {"kept": new is None, "repeated": new == old, "rotated": new not in {None, old}}[chosen]


def test_a_rotated_token_used_again_ends_the_whole_family(start):
    app = start(refresh_answer="rotated")
    old = app.exchange().json()["refresh_token"]
    new = app.refresh(old).json()

    app.refresh(old)

    assert app.refresh(new["refresh_token"]).status_code == 400
    assert app.read("Patient/patient-1", new["access_token"]).status_code == 401


def test_a_revoked_refresh_token_takes_its_grant_along(start):
    app = start()
    tokens = app.exchange().json()

    answer = app.post(app.portal.addresses.revoke, {"token": tokens["refresh_token"], "client_id": CLIENT})

    assert answer.status_code == 200
    assert app.refresh(tokens["refresh_token"]).status_code == 400
    assert app.read("Patient/patient-1", tokens["access_token"]).status_code == 401
    assert app.portal.violations == []


def test_revoking_needs_a_client_but_no_known_token(start):
    app = start()

    unknown = app.post(app.portal.addresses.revoke, {"token": "unknown", "client_id": CLIENT})
    nobody = app.post(app.portal.addresses.revoke, {"token": "unknown"})

    assert (unknown.status_code, nobody.status_code) == (200, 401)


def test_the_patient_may_take_everything_back(start):
    app = start()
    tokens = app.exchange().json()

    app.portal.revoke_everything()

    assert app.read("Patient/patient-1", tokens["access_token"]).status_code == 401
    assert app.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert app.portal.violations == []


def test_expired_access_tokens_can_be_refreshed(start):
    app = start()
    tokens = app.exchange().json()
    app.portal.expire_access_tokens()

    old = app.read("Patient/patient-1", tokens["access_token"])
    new = app.read("Patient/patient-1", app.refresh(tokens["refresh_token"]).json()["access_token"])

    assert (old.status_code, new.status_code) == (401, 200)


# What the token answer says


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ({"scopes_answered": ("patient/*.read",)}, {"scope": "patient/*.read"}),
        ({"scopes_answered": None}, {"scope": "absent"}),
        ({"drops_offline_access": True}, {"scope": "openid launch/patient patient/*.rs"}),
        ({"expires_in": None}, {"expires_in": "absent"}),
        ({"expires_in": "3600"}, {"expires_in": "3600"}),
        ({"token_type": None}, {"token_type": "absent"}),
        ({"token_type": "bearer"}, {"token_type": "bearer"}),
        ({"refresh_token": False}, {"refresh_token": "absent"}),
        ({"patient_context": "absent"}, {"patient": "absent"}),
        ({"patient_context": "null"}, {"patient": None}),
        ({"patient_context": "number"}, {"patient": 12345}),
        ({"patient_context": "very_long"}, {"patient": LONG_ID}),
        ({"patient_id": "e" * 90}, {"patient": "e" * 90}),
        ({"id_token": False}, {"id_token": "absent"}),
        ({"access_grant_expiration": "2030-01-01T00:00:00Z"}, {"access_grant_expiration": "2030-01-01T00:00:00Z"}),
        ({"extra_fields": {"tenant": [1], "expires_in": -1}}, {"tenant": [1], "expires_in": -1}),
    ],
)
def test_the_token_answer_is_as_chosen(start, choices, expected):
    answer = start(**choices).exchange().json()

    assert {name: answer.get(name, "absent") for name in expected} == expected


def test_a_refresh_token_comes_if_offline_access_was_asked_or_always(start):
    asked_not = {"scope": "launch/patient patient/*.rs"}
    modest, generous = start(), start(refresh_token=True)

    assert "refresh_token" not in modest.exchange(modest.callback(**asked_not)["code"]).json()
    assert "refresh_token" in generous.exchange(generous.callback(**asked_not)["code"]).json()


def test_the_id_token_is_signed_by_a_published_key(start):
    app = start()
    text = app.exchange(app.callback(nonce="n-1")["code"]).json()["id_token"]

    key = jwt.PyJWK(app.get(app.portal.addresses.jwks).json()["keys"][0])
    claims = jwt.decode(text, key, algorithms=["RS256"], audience=CLIENT, issuer=app.portal.fhir_base_url)

    assert claims["nonce"] == "n-1"
    assert claims["fhirUser"].endswith("/Patient/patient-1")


def test_the_token_endpoint_may_be_at_another_origin(start):
    app = start(token_endpoint_elsewhere=True, client_auth="private_key_jwt")

    answer = app.exchange(changes=app.assertion())
    here = app.post(f"{app.portal.origins['portal']}/token", {})

    assert app.portal.addresses.token.startswith(app.portal.origins["tokens"])
    assert (answer.status_code, here.status_code) == (200, 404)


# Faults


def configuration(app: App) -> dict:
    return app.get(f"{app.portal.fhir_base_url}/.well-known/smart-configuration").json()


def well_known(app: App) -> requests.Response:
    return app.get(f"{app.portal.fhir_base_url}/.well-known/smart-configuration")


def metadata(app: App) -> requests.Response:
    return app.get(f"{app.portal.fhir_base_url}/metadata")


FAULTS = [
    ("discovery_fault", well_known),
    ("metadata_fault", metadata),
    ("token_fault", App.exchange),
    ("revoke_fault", lambda app: app.post(app.portal.addresses.revoke, {"token": "t", "client_id": CLIENT})),
    ("resource_fault", lambda app: app.read("Patient/patient-1", app.exchange().json()["access_token"])),
]


@pytest.mark.parametrize(("where", "call"), FAULTS)
def test_every_endpoint_can_answer_nonsense(start, where, call):
    def answer(fault: str) -> requests.Response:
        return call(start(**{where: fault}))

    assert answer("not_found").status_code == 404
    assert answer("server_error").status_code == 500
    assert (answer("unavailable").status_code, answer("unavailable").headers["Retry-After"]) == (503, "2")
    assert (answer("html").status_code, answer("html").text[:9]) == (200, "<!doctype")
    assert isinstance(answer("array").json(), list)
    assert len(answer("huge").content) >= 5_000_000
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer("malformed").json()


@pytest.mark.parametrize(("where", "call"), FAULTS)
def test_every_endpoint_can_close_or_redirect(start, where, call):
    away = start(**{where: "redirect"})

    answer = call(away)

    assert answer.status_code == 307
    assert answer.headers["Location"].startswith(away.portal.origins["elsewhere"])
    with pytest.raises(requests.ConnectionError):
        call(start(**{where: "close"}))


@pytest.mark.parametrize("fault", ["hang", "drip"])
def test_what_hangs_or_drips_ends_with_the_portal(start, fault):
    app = start(discovery_fault=fault)
    url = f"{app.portal.fhir_base_url}/.well-known/smart-configuration"

    begun = time.monotonic()
    with pytest.raises((requests.Timeout, requests.ConnectionError)):
        # A drip never exceeds the time allowed between two bytes, so this client has to count by itself.
        read_for(app, url, seconds=0.5)
    app.portal.stop()

    assert time.monotonic() - begun < 2


def read_for(app: App, url: str, seconds: float) -> None:
    until = time.monotonic() + seconds
    with app.http.get(url, timeout=seconds, stream=True) as answer:
        for _ in answer.iter_content(1):
            if time.monotonic() > until:
                raise requests.Timeout("too slow")


@pytest.mark.parametrize(
    ("fault", "name", "value"),
    [
        ("no_authorization_endpoint", "authorization_endpoint", None),
        ("no_token_endpoint", "token_endpoint", None),
        ("http_endpoints", "token_endpoint", "http://portal.example/token_endpoint"),
        ("javascript_endpoints", "authorization_endpoint", "javascript:alert(document.domain)"),
        ("no_s256", "code_challenge_methods_supported", ["plain"]),
        ("no_pkce_methods", "code_challenge_methods_supported", None),
    ],
)
def test_the_configuration_may_be_good_json_and_wrong(start, fault, name, value):
    assert configuration(start(discovery_fault=fault)).get(name) == value
    assert configuration(start(discovery_fault="empty")) == {}


@pytest.mark.parametrize(
    ("fault", "status", "text"),
    [
        ("error_400", 400, '"error": "invalid_grant"'),
        ("error_401", 401, '"error": "invalid_grant"'),
        ("error_403", 403, '"error": "invalid_grant"'),
        ("error_200", 200, '"error": "invalid_grant"'),
        ("null_description", 400, '"error_description": null'),
        ("text_plain", 400, "invalid_grant"),
        ("null_token", 200, '"access_token": null'),
        ("no_token", 200, '{"token_type"'),
    ],
)
def test_the_token_endpoint_has_faults_of_its_own(start, fault, status, text):
    answer = start(token_fault=fault).exchange()

    assert (answer.status_code, text in answer.text) == (status, True)


def test_a_token_fault_may_pass_and_the_code_is_still_good(start):
    app = start(token_fault="unavailable", token_fault_times=1)
    code = app.callback()["code"]

    assert [app.exchange(code).status_code for _ in range(2)] == [503, 200]
    assert app.portal.violations == []


def test_a_token_fault_may_be_kept_for_the_refresh(start):
    app = start(token_fault="error_401", token_fault_on="refresh")

    tokens = app.exchange().json()

    assert app.refresh(tokens["refresh_token"]).status_code == 401


def test_who_carries_a_code_along_a_redirect_is_caught(start):
    app = start(token_fault="redirect")
    away = app.exchange().headers["Location"]

    app.post(away, {"code": "c"})

    assert app.portal.violations == ["A secret was carried along a redirect, to /token elsewhere."]


def test_a_misspelt_choice_is_an_error():
    with pytest.raises(ValueError, match="token_fault is 'hangs'"):
        Choices(token_fault="hangs")


# The records


def test_records_are_only_for_a_token_of_this_portal(start):
    app = start()
    url = f"{app.portal.fhir_base_url}/Patient/patient-1"

    answers = [app.get(url), app.read("Patient/patient-1", "made-up")]

    assert [answer.status_code for answer in answers] == [401, 401]
    assert len(app.portal.violations) == 2


def test_searches_find_the_patients_own_resources(start):
    app = start()
    token = app.exchange().json()["access_token"]

    found = app.read("Observation?patient=patient-1", token).json()
    others = app.read("Condition?patient=someone-else", token)

    assert [entry["resource"]["id"] for entry in found["entry"]] == ["observation-1", "observation-2"]
    assert others.status_code == 403
    assert app.read("Patient/nobody", token).status_code == 404


def test_a_token_reaches_only_as_far_as_its_scopes(start):
    app = start(scopes_answered=("launch/patient", "patient/Patient.read", "patient/Observation.r"))
    token = app.exchange().json()["access_token"]

    paths = ["Patient/patient-1", "Observation/observation-1", "Observation?patient=patient-1", "Condition/condition-1"]

    assert [app.read(path, token).status_code for path in paths] == [200, 200, 403, 403]


# What it remembers, and where it is


def test_every_request_and_every_secret_is_kept(start):
    app = start()
    code = app.callback()["code"]
    tokens = app.exchange(code).json()

    sent = app.portal.received("/token")[0]

    assert sent.form["code"] == code
    assert sent.headers["content-type"] == "application/x-www-form-urlencoded"
    given = {code, tokens["access_token"], tokens["refresh_token"], tokens["id_token"]}
    assert given == set(app.portal.issued)


def test_a_leak_is_found_in_whatever_way_it_is_written(start):
    app = start()
    code = app.callback()["code"]
    id_token = app.exchange(code).json()["id_token"]

    assert app.portal.leaks_in(f"GET /callback?code={quote_plus(code)}&x=1") == [code]
    assert app.portal.leaks_in(f"{id_token!r}") == [id_token]
    assert app.portal.leaks_in("nothing here") == []


@pytest.mark.parametrize("path", ["", "/", "/practice/42/fhir/", "/fhir/r4"])
def test_the_base_url_may_have_any_path(start, path):
    app = start(base_path=path)
    root = app.portal.fhir_base_url.rstrip("/")

    token = app.exchange().json()["access_token"]

    assert app.portal.fhir_base_url.endswith(path)
    assert app.get(f"{root}/.well-known/smart-configuration").status_code == 200
    assert app.get(f"{root}/Patient/patient-1", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_the_capability_statement_names_the_same_endpoints(start):
    app = start(host="localhost")
    security = metadata(app).json()["rest"][0]["security"]["extension"][0]["extension"]

    named = {one["url"]: one["valueUri"] for one in security}

    assert named["token"] == configuration(app)["token_endpoint"]
    assert named["token"].startswith("http://localhost:")


def test_a_stopped_portal_is_not_there_any_more(start):
    app = start()
    url = app.portal.fhir_base_url
    app.portal.stop()

    with pytest.raises(requests.ConnectionError):
        app.get(url)


def test_an_idle_connection_does_not_hold_up_the_end(start):
    portal = start().portal
    address = urlsplit(portal.fhir_base_url)

    with socket.create_connection((address.hostname, address.port)):
        time.sleep(0.1)
        begun = time.monotonic()
        portal.stop()

    assert time.monotonic() - begun < 1


def test_the_return_app_shows_and_keeps_what_it_was_called_with(start):
    with ReturnApp() as app:
        page = start().get(app.url("/welcome?success=true&note=%3Cb%3E"))

        assert app.arrivals == [{"success": "true", "note": "<b>"}]
    assert "<dd>&lt;b&gt;</dd>" in page.text
    assert app.requests[0].path == "/welcome"
