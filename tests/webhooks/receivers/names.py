"""Names that lead where a test wants them to."""

import socket
from typing import Any

import pytest

RESOLVE = socket.getaddrinfo


class Names:
    """Looks names up in `leads_to`, and what is not there as always. `asked` has every name that was looked up."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, leads_to: dict[str, list[str]]) -> None:
        self.leads_to, self.asked = leads_to, list[str]()
        monkeypatch.setattr(socket, "getaddrinfo", self._resolve)

    def _resolve(self, host: str, port: int, *arguments: Any, **named: Any) -> list[Any]:
        name = host.decode() if isinstance(host, bytes) else host
        self.asked.append(name)
        addresses = self.leads_to.get(name.rstrip("."))
        if addresses is None:
            return RESOLVE(host, port, *arguments, **named)
        return [entry for address in addresses for entry in RESOLVE(address, port, type=socket.SOCK_STREAM)]
