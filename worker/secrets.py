"""What the server's secret is used for: tokens in links, and the seal on the worker's own commands."""

import base64
import hashlib
import hmac


class Secrets:
    """HMACs (RFC 2104, SHA-256) under the server's secret, apart from each other by their purpose."""

    def __init__(self, secret: str) -> None:
        self._key = secret.encode()

    def token(self, purpose: str, subject: str, number: int) -> str:
        """The token for one thing, 43 URL-safe characters. The same whenever it is asked for, so nothing keeps it."""
        mac = self._mac(f"token\0{purpose}\0{subject}\0{number}".encode())
        return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()

    def seal(self, value: bytes) -> bytes:
        """The signature of an internal command's bytes."""
        return self._mac(b"internal\0" + value).hex().encode()

    def is_sealed(self, value: bytes, signature: bytes | None) -> bool:
        """Whether an internal command is ours."""
        return signature is not None and hmac.compare_digest(self.seal(value), signature)

    def _mac(self, value: bytes) -> bytes:
        return hmac.digest(self._key, value, hashlib.sha256)
