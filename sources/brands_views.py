"""`GET /directory/brands`: the catalogue as a User-access Brands Bundle."""

from tempfile import TemporaryFile

from django.http import FileResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from rest_framework.request import Request

from common.errors import Unavailable
from organizations.api import ApiView
from sources.models import Catalogue
from sources.publishing import edition_of, write_brands

ATTEMPTS = 3


class Brands(ApiView):
    """All that the key's workspace may see. The ETag changes with the catalogue; asked for by it, 304.

    The Bundle is written into a file before its first byte is sent: so it has a length, by which a download
    that was cut off is known, and the database is free again while a slow reader reads.
    """

    scopes = {"GET": "connections:read"}

    def get(self, request: Request) -> HttpResponseBase:
        version = Catalogue.current_version()
        etag = self._etag(version)
        # If-Match is not for reading: of what this may answer, only "not modified" counts.
        unchanged = get_conditional_response(request._request, etag=etag)
        if unchanged is not None and unchanged.status_code == 304:
            return self._labelled(unchanged, etag)
        for _ in range(ATTEMPTS):
            # Django closes the file when the answer was sent.
            file = TemporaryFile()  # noqa: SIM115
            write_brands(file, organization=self.organization, version=version)
            written, version = version, Catalogue.current_version()
            if version == written:
                file.seek(0)
                return self._labelled(FileResponse(file, content_type="application/fhir+json"), self._etag(version))
            # An import came between: this may be half of each edition.
            file.close()
        raise Unavailable("The catalogue keeps changing. Ask again in a minute.")

    def _etag(self, version: str) -> str:
        return f'"{edition_of(self.organization, version)}"'

    def _labelled(self, response: HttpResponseBase, etag: str) -> HttpResponseBase:
        response["ETag"] = etag
        response["Cache-Control"] = "private, no-cache"
        response["Vary"] = "Authorization"
        return response
