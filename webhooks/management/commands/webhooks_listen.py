import base64
import os
import threading
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from common.outbound import AddressRefused, Reach, check_url
from webhooks.events import EventType
from webhooks.following import Feed, KeyRefused
from webhooks.listening import Listener, Receiver
from webhooks.models.endpoint import ALL
from webhooks.signing import SECRET_PREFIX, new_secret

API_KEY = "MEDBLOCKS_API_KEY"


class Command(BaseCommand):
    help = (
        "Print the events of a workspace as they happen, and forward them to a server on your own machine, signed, as "
        "they would arrive at an endpoint. It asks the API, on this or any other server: no tunnel, no database. "
        "Nothing is sent a second time."
    )
    requires_system_checks: list[str] = []  # some look at the database

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--forward-to",
            metavar="URL",
            help="http:// on this machine or a private network; without it, events are only printed",
        )
        parser.add_argument("--base-url", default=settings.BASE_URL, help="of the server (default: %(default)s)")
        parser.add_argument("--events", default="", metavar="TYPES", help="only these types, separated by commas")
        parser.add_argument(
            "--api-key", help=f"with the scope webhooks:read; better in the environment variable {API_KEY}"
        )
        parser.add_argument("--secret", help="whsec_…, to sign with the same one each time; default: a new one")

    def handle(self, *args: Any, **options: Any) -> None:
        api_key = options["api_key"] or os.environ.get(API_KEY)
        if not api_key:
            raise CommandError(f"An API key is needed, in --api-key or in the environment variable {API_KEY}.")
        types = _types(options["events"])
        receiver = _receiver(options["forward_to"], options["secret"])
        try:
            with Feed(options["base_url"], api_key) as feed:
                self._introduce(options["base_url"], receiver)
                Listener(feed, receiver, types, self._say).run(threading.Event())
        except AddressRefused as error:
            raise CommandError(f"--base-url: {error}") from error
        except KeyRefused as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self._say("Stopped.")

    def _introduce(self, base_url: str, receiver: Receiver | None) -> None:
        self._say(f"Events of {base_url}" + (f", forwarded to {receiver.url}" if receiver else ""))
        if receiver:
            self._say(f"Signed with {receiver.secret}")

    def _say(self, line: str) -> None:
        # What comes from elsewhere may hold what a terminal takes for a command.
        self.stdout.write("".join(letter if letter.isprintable() else "?" for letter in line))
        self.stdout.flush()


def _types(listed: str) -> frozenset[str]:
    types = frozenset(name.strip() for name in listed.split(",") if name.strip())
    unknown = sorted(types - set(EventType) - {ALL})
    if unknown:
        raise CommandError(f"There is no type {unknown[0]}. Known here: {', '.join(EventType)}.")
    return frozenset() if ALL in types else types


def _receiver(url: str | None, secret: str | None) -> Receiver | None:
    if url is None:
        return None
    try:
        check_url(url, Reach.LOCAL)
    except AddressRefused as error:
        raise CommandError(f"--forward-to: {error}") from error
    if urlsplit(url).scheme != "http":  # which outbound keeps from public addresses, whatever a name resolves to
        raise CommandError("--forward-to: Give an http:// address on this machine or a private network.")
    return Receiver(url, _checked_secret(secret) if secret else new_secret())


def _checked_secret(secret: str) -> str:
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except ValueError:
        key = b""
    if not (secret.startswith(SECRET_PREFIX) and key):
        raise CommandError("--secret: Give whsec_ followed by base64.")
    return secret
