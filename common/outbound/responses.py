"""Reading the answer that counts."""

import http.client

_INTERIM = range(102, 200)


class FinalResponse(http.client.HTTPResponse):
    """Reads over interim answers such as 103, after which the answer follows (RFC 9110 15.2).

    Python's own reads over 100 only. 101 is one too, but changes the protocol: nobody here asks for that.
    """

    def _read_status(self) -> tuple[str, int, str]:
        version, status, reason = super()._read_status()  # type: ignore[misc]  # not in typeshed
        while status in _INTERIM:
            http.client.parse_headers(self.fp)
            version, status, reason = super()._read_status()  # type: ignore[misc]  # not in typeshed
        return version, status, reason
