"""Key pairs for signed client assertions: made here, published at /.well-known/jwks.json."""

import hashlib
import json
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

KEY_BITS = 2048


def new_private_key() -> str:
    """A fresh RSA key as PEM: RS384 is what every SMART server must accept."""
    return _pem(rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS))


def checked_private_key(pem: str) -> str:
    """`pem` in its canonical form. Raises ValueError unless it is an unencrypted RSA key of 2048 bits or more."""
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise ValueError("The private key is not an unencrypted PEM file.") from error
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < KEY_BITS:
        raise ValueError(f"The private key must be RSA with at least {KEY_BITS} bits.")
    return _pem(key)


def own_key(pem: str) -> rsa.RSAPrivateKey:
    """A key that was made here or checked when it came in. Not checked again: that takes 30 ms, for every use."""
    key = serialization.load_pem_private_key(pem.encode(), password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("not an RSA key")
    return key


def key_id(pem: str) -> str:
    """A name for the key that follows from the key itself."""
    return hashlib.sha256(json.dumps(public_jwk(pem), sort_keys=True).encode()).hexdigest()[:16]


def public_jwk(pem: str) -> dict[str, Any]:
    """The public half as a JSON Web Key (RFC 7517), without `kid`."""
    jwk = RSAAlgorithm.to_jwk(own_key(pem).public_key(), as_dict=True)
    return {"kty": "RSA", "alg": "RS384", "use": "sig", "n": jwk["n"], "e": jwk["e"]}


def _pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
