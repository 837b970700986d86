"""Asking a source for a pull: with a token that is good, and one page ahead of what is being stored."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType

from patients.models import Connection
from patients.tokens import AccessEnded, AccessToken, AccessUnavailable, access_token, refuse
from records.fhir import FhirServer, Page, TokenRefused
from records.models import PullStep
from records.plans import Question, Retreat, page_size_of, search_parameters

# A token that was good a moment ago is not looked up again for each page. It is renewed well before its end.
_TRUSTED_SECONDS = 1.0


class Asker:
    """One worker's conversation with the source of a connection. Use it in a `with` block.

    `first`, `following` and `referred` raise what `patients.tokens.access_token` raises, and a FhirProblem. A token
    that the portal does not take is renewed once; then TokenRefused.
    """

    def __init__(self, connection: Connection) -> None:
        source = connection.source
        self._connection = connection
        self._server = FhirServer(source.fhir_base_url, source.reach, connection.fhir_patient_id or "")
        self._page_size = page_size_of(source.type)
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="pull")
        self._coming: tuple[str, Future[Page]] | None = None
        self._token: AccessToken | None = None
        self._token_at = 0.0

    def __enter__(self) -> "Asker":
        self._server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ahead.shutdown(wait=True, cancel_futures=True)
        self._server.__exit__(kind, error, traceback)

    def supported_types(self) -> frozenset[str] | None:
        return self._server.supported_types()

    def first(self, step: PullStep) -> Page:
        """The first page of a step."""
        patient = self._connection.fhir_patient_id or ""
        if step.resource_type == "Patient":
            return self._asked(lambda token: self._server.read("Patient", patient, token))
        question = Question(step.resource_type, step.parameters, Retreat(step.retreat))
        parameters = search_parameters(question, patient, step.changed_since, self._page_size)
        return self._asked(lambda token: self._server.search(step.resource_type, parameters, token))

    def following(self, url: str) -> Page:
        """The page behind a `next` link of this source's."""
        coming, self._coming = self._coming, None
        if coming and coming[0] == url:
            try:
                return coming[1].result()
            except TokenRefused as error:
                self._refused(error)
        return self._asked(lambda token: self._server.follow(url, token))

    def referred(self, resource_type: str, resource_id: str) -> Page:
        return self._asked(lambda token: self._server.read(resource_type, resource_id, token))

    def ask_ahead(self, url: str) -> None:
        """Bring the page behind this link while the one before is being stored. Raises nothing."""
        with suppress(AccessEnded, AccessUnavailable):  # whoever asks for the page will hear of it
            token = self._good_token().text
            self._coming = (url, self._ahead.submit(self._server.follow, url, token))

    def _asked(self, ask: Callable[[str], Page]) -> Page:
        coming, self._coming = self._coming, None
        if coming:
            coming[1].exception()  # nobody wants it any more, but the server is asked one thing at a time
        try:
            return ask(self._good_token().text)
        except TokenRefused as error:
            self._refused(error)
            return ask(self._good_token().text)

    def _good_token(self) -> AccessToken:
        if self._token is None or time.monotonic() - self._token_at > _TRUSTED_SECONDS:
            self._token, self._token_at = access_token(self._connection.pk), time.monotonic()
        return self._token

    def end_access_for_one_time(self) -> None:
        """The portal takes the token for nothing any more, and there is no other. Raises nothing."""
        if self._token is not None and not self._connection.can_refresh:
            refuse(self._connection.pk, self._token.version)
            with suppress(AccessEnded, AccessUnavailable):
                access_token(self._connection.pk)

    def _refused(self, error: TokenRefused) -> None:
        """Have the access renewed. Where there is nothing to renew it with, one type is no reason to end it."""
        if not self._connection.can_refresh:
            raise error
        if self._token is not None:
            refuse(self._connection.pk, self._token.version)
            self._token = None
