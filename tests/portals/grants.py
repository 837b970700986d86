"""What the portal has given out: codes, tokens and the grants behind them."""

import secrets
import threading
import time
from dataclasses import dataclass, field


class RefusalError(Exception):
    """A request that breaks a rule, or that the portal does not want."""

    def __init__(self, error: str, sentence: str, *, status: int = 400, is_violation: bool = True) -> None:
        super().__init__(sentence)
        self.error = error
        self.sentence = sentence
        self.status = status
        self.is_violation = is_violation


def random_part(secret: str) -> str:
    """The part of a code or token that no encoding changes; of an id token, the signature."""
    return secret.removesuffix("+=").rpartition("/" if secret.endswith("+=") else ".")[2]


@dataclass(frozen=True)
class Asked:
    """A checked authorization request."""

    client_id: str
    redirect_uri: str
    state: str
    scope: str
    challenge: str
    nonce: str | None = None


@dataclass
class Grant:
    """What one patient allowed one client; everything issued from one code shares it."""

    asked: Asked
    is_revoked: bool = False


@dataclass
class Issued:
    """One code or token."""

    grant: Grant
    expires_at: float
    is_used: bool = False

    def is_good(self) -> bool:
        """Whether it still stands."""
        return not self.grant.is_revoked and time.time() < self.expires_at


@dataclass
class Grants:
    """Codes and tokens by their text. Hold `lock` between looking one up and using it."""

    codes: dict[str, Issued] = field(default_factory=dict)
    access: dict[str, Issued] = field(default_factory=dict)
    refresh: dict[str, Issued] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def new_code(self, asked: Asked, lifetime: int) -> str:
        """A code, and a grant that waits for its use."""
        return self._keep(self.codes, "code", Grant(asked), lifetime)

    def new_access(self, grant: Grant, lifetime: int) -> str:
        """An access token."""
        return self._keep(self.access, "access", grant, lifetime)

    def new_refresh(self, grant: Grant) -> str:
        """A refresh token; a month is longer than any test."""
        return self._keep(self.refresh, "refresh", grant, 30 * 86400)

    def revoke_all(self) -> None:
        """As a patient does who takes back every permission in the portal."""
        for issued in (*self.codes.values(), *self.access.values(), *self.refresh.values()):
            issued.grant.is_revoked = True

    def expire_access(self) -> None:
        """Let every access token be as old as it may get."""
        for issued in self.access.values():
            issued.expires_at = 0

    def _keep(self, shelf: dict[str, Issued], kind: str, grant: Grant, lifetime: int) -> str:
        # Slashes, plus and equals signs are allowed in codes and tokens, and break who pastes them into an address.
        text = f"{kind}/{secrets.token_urlsafe(24)}+="
        with self.lock:
            shelf[text] = Issued(grant, time.time() + lifetime)
            self.secrets.append(text)
        return text
