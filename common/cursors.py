"""Cursors: where in a list to go on. Opaque to callers, signed, and good for their own list only (contract §2)."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core import signing

from common.errors import InvalidRequest

_EXPIRED = "This cursor is too old."
_FOREIGN = "This is not a cursor of this list with these filters."


@dataclass(frozen=True)
class Cursors:
    """The cursors of one list with its filters, which `list_name` names, that callers send as `param`.

    With a `lifetime`, one that is older is refused.
    """

    list_name: str
    param: str = "starting_after"
    lifetime: timedelta | None = None

    def make(self, position: Any) -> str:
        """The cursor of a position: anything that JSON can hold."""
        return self._signer.sign_object(position)

    def read(self, cursor: str) -> Any:
        """The position of a cursor that `make` gave. Raises InvalidRequest for any other."""
        limits: dict[str, Any] = {"max_age": self.lifetime} if self.lifetime else {}
        try:
            return self._signer.unsign_object(cursor, **limits)
        except signing.BadSignature as error:
            fault = _EXPIRED if isinstance(error, signing.SignatureExpired) else _FOREIGN
            raise InvalidRequest(f"{fault} Start again without it.", param=self.param) from error

    @property
    def _signer(self) -> signing.Signer:
        kind = signing.TimestampSigner if self.lifetime else signing.Signer
        return kind(salt=f"cursor:{self.list_name}")
