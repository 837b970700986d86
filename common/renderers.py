"""JSON as the contract writes it."""

from rest_framework.renderers import JSONRenderer


class ApiJSONRenderer(JSONRenderer):
    """UTF-8 JSON whatever `Accept` says: a client that asks for HTML still gets an answer it can read."""

    charset = "utf-8"
