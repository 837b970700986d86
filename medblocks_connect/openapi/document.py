"""Makes the document: every operation of the API, the same on every installation."""

import json

from django.test import override_settings
from drf_spectacular.settings import patched_settings

from common.describing.shapes import Schema
from common.versions import current
from medblocks_connect.openapi import health, parts, receiving
from medblocks_connect.openapi.schema import ApiGenerator
from medblocks_connect.openapi.served import FILE
from organizations.scopes import ALL_SCOPES
from webhooks.description_events import RECEIVED

EXAMPLE_BASE_URL = "https://connect.example.com"
_ABOUT = """\
Lets the patients of a health app connect their own medical records. A server of yours creates a flow and gives its \
link to the patient, who finds a hospital, signs in there and comes back.

Call it from a server only, with `Authorization: Bearer <key>`. Every answer has an `X-Request-Id`. Every error has \
the same envelope, whose `doc_url` explains it. Fields and query parameters that are not described here are refused. \
A method that a path does not have is 405 `method_not_allowed`.
"""
_SETTINGS = {
    "TITLE": "Medblocks Connect",
    "VERSION": current(),
    "DESCRIPTION": _ABOUT,
    "OAS_VERSION": "3.1.0",
    "SERVERS": [{"url": "/", "description": "This server."}],
    "POSTPROCESSING_HOOKS": [],
    "SCHEMA_PATH_PREFIX": "/",
    "SORT_OPERATIONS": False,
}
_BEARER = {
    "type": "http",
    "scheme": "bearer",
    "description": f"An API key, `mb_sk_live_…` or `mb_sk_sbx_…`. Its scopes are some of: {', '.join(ALL_SCOPES)}.",
}


def document() -> Schema:
    """The OpenAPI document. Raises NotDescribed for a method of a view that nobody described."""
    with patched_settings(_SETTINGS), override_settings(BASE_URL=EXAMPLE_BASE_URL):
        made: Schema = ApiGenerator().get_schema(request=None, public=True)
        components = made["components"]
        components["schemas"]["Error"] = parts.ERROR
        components["headers"] = parts.HEADERS
        components["parameters"] = parts.PARAMETERS
        components["securitySchemes"] = {"apiKey": _BEARER}
        made["paths"] |= health.paths()
        made["webhooks"] = receiving.webhooks()
        components["schemas"][RECEIVED.name] = RECEIVED.schema
        components["responses"] = shared_errors(made["paths"])
    return made


def shared_errors(paths: Schema) -> dict[str, Schema]:
    """The error responses of all operations, by status and first code; each operation then only refers to them.

    Where an operation has more codes of a status than others, the last of them tells it apart.
    """
    shared: dict[str, Schema] = {}
    for operation in (operation for methods in paths.values() for operation in methods.values()):
        for status, response in operation["responses"].items():
            examples = response.get("content", {}).get("application/json", {}).get("examples")
            if examples:
                end = "" if operation["security"] else ".unlimited"
                names = [f"{status}.{code}{end}" for code in examples]
                name = names[0] if shared.get(names[0], response) == response else names[-1]
                assert shared.setdefault(name, response) == response, f"two responses are called {name}"
                operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}
    return shared


def write() -> None:
    """Put the document where it is committed and served from."""
    FILE.write_text(as_text())


def as_text() -> str:
    """The document as it is committed and served."""
    return json.dumps(document(), ensure_ascii=False, indent=2) + "\n"
