"""Receivers of events on loopback: `python -m bench.webhooks_receivers FILE PORT…`. The first of them never answers.

When it is asked to stop it writes what arrived into FILE, a line for each request: the event and the time.
"""

import asyncio
import signal
import sys
import time
from pathlib import Path

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"


class Receivers:
    def __init__(self) -> None:
        self.arrived: list[tuple[bytes, float]] = []

    async def run(self, ports: list[int], file: Path) -> None:
        """Listen until SIGTERM."""
        stopping = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
        servers = [
            await asyncio.start_server(
                self._hanging if port == ports[0] else self._good, "127.0.0.1", port, backlog=1024
            )
            for port in ports
        ]
        await stopping.wait()
        for server in servers:
            server.close()
        file.write_bytes(b"".join(b"%s %f\n" % each for each in self.arrived))

    async def _good(self, reading: asyncio.StreamReader, writing: asyncio.StreamWriter) -> None:
        while await self._heard(reading):
            writing.write(ANSWER)
        writing.close()

    async def _hanging(self, reading: asyncio.StreamReader, writing: asyncio.StreamWriter) -> None:
        if await self._heard(reading):
            await reading.read()  # until the other side has enough
        writing.close()

    async def _heard(self, reading: asyncio.StreamReader) -> bool:
        try:
            head = (await reading.readuntil(b"\r\n\r\n")).lower()
            now = time.time()
            await reading.readexactly(int(_header(head, b"content-length")))
        except (asyncio.IncompleteReadError, ConnectionError):
            return False
        self.arrived.append((_header(head, b"webhook-id").upper(), now))
        return True


def _header(head: bytes, name: bytes) -> bytes:
    return head.partition(b"\r\n" + name + b": ")[2].partition(b"\r\n")[0]


if __name__ == "__main__":
    asyncio.run(Receivers().run([int(port) for port in sys.argv[2:]], Path(sys.argv[1])))
