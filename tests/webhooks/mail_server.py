"""A mail server on loopback, which keeps what it gets, or does not take it."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage


class MailServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, refuses: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        # Its answer to whoever names a recipient; empty where it takes mail.
        self.refuses = refuses
        self.recipients: list[str] = []
        self.mails: list[EmailMessage] = []

    @property
    def port(self) -> int:
        return self.server_address[1]


class _Conversation(socketserver.StreamRequestHandler):
    """As much of SMTP as a client of one mail needs (RFC 5321)."""

    server: MailServer

    def handle(self) -> None:
        self._say("220 ready")
        while line := self.rfile.readline().decode().strip():
            verb = line.split(":")[0].upper()
            if verb == "RCPT TO" and self.server.refuses:
                self._say(self.server.refuses)
            elif verb == "DATA":
                self._say("354 go on")
                self._keep()
                self._say("250 taken")
            else:
                if verb == "RCPT TO":
                    self.server.recipients.append(line.split("<")[1].split(">")[0])
                self._say("221 bye" if verb == "QUIT" else "250 well")
            if verb == "QUIT":
                return

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def _keep(self) -> None:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                raise ConnectionError("The client left in the middle of its mail.")
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        self.server.mails.append(message_from_bytes(b"".join(lines), policy=policy.default))


@contextmanager
def mail_server(settings, refuses: str = "") -> Iterator[MailServer]:
    """A running one, which the product's settings name."""
    with MailServer(refuses) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
