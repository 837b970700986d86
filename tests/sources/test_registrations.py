"""Which client registration signs a patient in, and what add_source accepts."""

import json

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from sources.models import ClientRegistration, Facility, Source
from sources.operations import NewClient, add_source, register_client


def offered(organization) -> set[Source]:
    """What both ways of asking agree on."""
    found = set(Source.objects.offered_to(organization))
    ids = list(Source.objects.values_list("pk", flat=True))
    assert set(Source.objects.offered_of(ids, organization)) == found
    return found


def source_at(host: str, **options) -> Source:
    given = {"name": host, "environment": "sandbox"} | options
    return add_source(fhir_base_url=f"https://{host}.example/fhir", **given)


def registration(**fields) -> ClientRegistration:
    return ClientRegistration.objects.create(**({"environment": "sandbox", "client_id": "us"} | fields))


def test_a_source_is_never_signed_in_to_with_another_sources_registration(organization):
    first = source_at("first", client=NewClient("first"))
    second = source_at("second", client=NewClient("second"))
    bare = source_at("bare")

    assert ClientRegistration.objects.best_for(first, organization).client_id == "first"
    assert ClientRegistration.objects.best_for(second, organization).client_id == "second"
    assert ClientRegistration.objects.best_for(bare, organization) is None
    assert offered(organization) == {first, second}


def test_the_workspaces_own_comes_first_then_the_sources_own_then_the_vendors(organization, other_organization):
    source = source_at("epic", type="epic")
    registration(vendor="epic", client_id="vendor")
    assert ClientRegistration.objects.best_for(source, organization).client_id == "vendor"
    registration(source=source, client_id="source")
    assert ClientRegistration.objects.best_for(source, organization).client_id == "source"
    registration(vendor="epic", client_id="own vendor", organization=organization)
    assert ClientRegistration.objects.best_for(source, organization).client_id == "own vendor"
    registration(source=source, client_id="own source", organization=organization)
    assert ClientRegistration.objects.best_for(source, organization).client_id == "own source"

    assert ClientRegistration.objects.best_for(source, other_organization).client_id == "source"


def test_a_registration_that_is_not_ready_offers_nothing(organization):
    source = source_at("x")
    registration(source=source, is_ready=False)

    assert offered(organization) == set()


def test_a_registration_of_the_other_environment_is_not_used(organization):
    source = source_at("x")
    registration(source=source, environment="production")

    assert ClientRegistration.objects.best_for(source, organization) is None


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"vendor": "epic", "source": True},
        {"source": True, "auth_method": "basic"},
        {"source": True, "auth_method": "post"},
        {"source": True, "auth_method": "private_key_jwt"},
        {"source": True, "environment": "elsewhere"},
    ],
)
def test_the_database_refuses_registrations_that_make_no_sense(db, fields):
    source = source_at("x")
    given = {name: source if value is True else value for name, value in fields.items()}

    with pytest.raises(IntegrityError), transaction.atomic():
        registration(**given)


def test_one_registration_for_each_scope(db):
    source = source_at("x")
    registration(source=source)

    with pytest.raises(IntegrityError), transaction.atomic():
        registration(source=source)


def test_adding_a_source_twice_changes_it_and_makes_no_second(db):
    first = source_at("x", client=NewClient("us", "basic", secret="one"))
    again = add_source(
        name="Renamed",
        fhir_base_url="HTTPS://X.example:443/fhir/",
        environment="sandbox",
        client=NewClient("us", "post", secret="two"),
    )

    assert again.id == first.id
    assert Source.objects.get().name == "Renamed"
    assert Facility.objects.get().name == "Renamed"
    assert ClientRegistration.objects.get().client_secret == "two"


def test_what_is_not_given_again_stays_as_it_was(db, organization):
    source_at("x", type="epic", portal_url="https://portal.example/", organization=organization)
    Source.objects.update(logo_url="https://logo.example/x.png")

    again = source_at("x")

    assert (again.type, again.portal_url, again.logo_url, again.organization) == (
        "epic",
        "https://portal.example/",
        "https://logo.example/x.png",
        organization,
    )


def test_a_source_never_moves_between_sandbox_and_production(db):
    source_at("x")

    with pytest.raises(ValidationError, match="There is a sandbox source"):
        source_at("x", environment="production")
    assert Source.objects.get().environment == "sandbox"


def test_a_source_that_a_directory_lists_gets_no_second_facility(db):
    source = source_at("x")
    Facility.objects.all().delete()
    listed = Facility.objects.create(name="X Hospital")
    listed.sources.set([source])

    source_at("x", client=NewClient("us"))

    assert list(Facility.objects.all()) == [listed]


def test_a_made_key_stays_when_the_source_is_changed(db):
    source_at("x", client=NewClient("us", "private_key_jwt"))
    before = ClientRegistration.objects.get().key_id
    source_at("x", client=NewClient("us", "private_key_jwt", scopes="patient/*.read"))

    assert ClientRegistration.objects.get().key_id == before


def test_public_keys_are_published_and_nothing_else(client, db):
    source_at("x", client=NewClient("us", "private_key_jwt"))

    [key] = client.get("/.well-known/jwks.json").json()["keys"]

    assert set(key) == {"kty", "alg", "use", "n", "e", "kid"}
    assert (key["kty"], key["alg"], key["use"]) == ("RSA", "RS384", "sig")
    assert client.head("/.well-known/jwks.json").status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_public_keys_are_only_read_and_other_methods_are_refused_as_by_the_api(client, db, method):
    answer = client.generic(method, "/.well-known/jwks.json")

    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")
    assert answer.json()["error"]["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    "url",
    [
        "http://hospital.example/fhir",
        "http://localhost/fhir",
        "https://localhost/fhir",
        "https://127.0.0.1/fhir",
        "https://10.0.0.1/fhir",
        "https://[::1]/fhir",
    ],
)
def test_a_production_source_is_never_on_this_machine_nor_in_clear(db, url):
    with pytest.raises(ValidationError, match="production source"):
        add_source(name="x", fhir_base_url=url, environment="production")
    assert not Source.objects.exists()


@pytest.mark.parametrize(
    "url", ["", "nonsense", "ftp://x/", "https://", "https://a:b@x.example/", "https://x.example/?a=1", "https://x/#a",
            "https://x.example/a b", "https://x.example:99999/"]
)  # fmt: skip
def test_what_is_no_fhir_base_url_is_refused_in_a_sentence(db, url):
    with pytest.raises(ValidationError):
        add_source(name="x", fhir_base_url=url, environment="sandbox")


def test_a_secret_is_needed_where_the_method_says_so(db):
    with pytest.raises(ValidationError, match="needs a client secret"):
        source_at("x", client=NewClient("us", "basic"))
    assert not Source.objects.exists()


def test_the_command_prints_the_id_and_says_what_to_register(capsys, db):
    call_command(
        "add_source", "--name", "X", "--fhir-base-url", "http://localhost:9/fhir", "--client-id", "us",
        "--auth-method", "private_key_jwt",
    )  # fmt: skip

    printed = capsys.readouterr()
    assert printed.out.strip() == Source.objects.get().id
    assert "http://testserver/oauth/callback" in printed.err
    assert "http://testserver/.well-known/jwks.json" in printed.err


def test_the_command_refuses_in_one_sentence(db):
    with pytest.raises(CommandError, match="needs --client-id"):
        call_command("add_source", "--name", "X", "--fhir-base-url", "https://x.example/", "--client-secret", "s")
    with pytest.raises(CommandError, match=r"fhir_base_url: .*https"):
        call_command("add_source", "--name", "X", "--fhir-base-url", "http://x.example/", "--environment", "production")


def test_secrets_are_encrypted_at_rest_and_absent_from_reprs(db):
    from django.db import connection

    source = source_at("x")
    entry = register_client(source=source, client=NewClient("us", "basic", secret="s3cret-value"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(r)::text FROM sources_clientregistration r")
        row = cursor.fetchone()[0]

    assert "s3cret-value" not in row
    assert json.loads(row)["client_secret"].startswith("gAAAA")
    assert "s3cret-value" not in repr(entry) + str(entry) + repr(NewClient("us", "basic", secret="s3cret-value"))
