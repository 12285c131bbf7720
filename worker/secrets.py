"""What the server's secret is used for: tokens in links, and the seal on the worker's own commands."""

import base64
import hashlib
import hmac

from worker.settings import Settings

ID_BYTES = 8


class Secrets:
    """HMACs (RFC 2104, SHA-256) under the server's secret, apart from each other by their purpose.

    `second` is accepted beside it, and made nothing with: the next one or the former, while the secret is changed.
    """

    def __init__(self, secret: str, second: str | None = None) -> None:
        keys = [text.encode() for text in (secret, second) if text is not None]
        self._key = keys[0]
        self._keys = {_mac(key, b"id")[:ID_BYTES].hex(): key for key in keys}
        self.id, *self.others = self._keys

    @classmethod
    def of(cls, settings: Settings) -> "Secrets":
        """Those of the settings."""
        second = settings.second_secret
        return cls(settings.secret.get_secret_value(), second.get_secret_value() if second else None)

    def accepts(self, secret_id: str) -> bool:
        """Whether the secret of this id is one of these."""
        return secret_id in self._keys

    def token(self, purpose: str, subject: str, number: int, secret_id: str = "") -> str:
        """The token for one thing, 43 URL-safe characters. The same whenever it is asked for, so nothing keeps it.

        By the secret of that id; where that is not known any more, by the one of now: it opens the same.
        """
        return _token(self._keys.get(secret_id, self._key), purpose, subject, number)

    def tokens(self, purpose: str, subject: str, number: int) -> tuple[str, ...]:
        """All that are right for one thing."""
        return tuple(_token(key, purpose, subject, number) for key in self._keys.values())

    def seal(self, value: bytes, secret_id: str = "") -> bytes:
        """The signature of an internal command's bytes; by the secret of that id, if it is one of these."""
        return _seal(self._keys.get(secret_id, self._key), value)

    def is_sealed(self, value: bytes, signature: bytes | None) -> bool:
        """Whether an internal command is ours."""
        return signature is not None and any(
            hmac.compare_digest(_seal(key, value), signature) for key in self._keys.values()
        )


def _token(key: bytes, purpose: str, subject: str, number: int) -> str:
    mac = _mac(key, f"token\0{purpose}\0{subject}\0{number}".encode())
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def _seal(key: bytes, value: bytes) -> bytes:
    return _mac(key, b"internal\0" + value).hex().encode()


def _mac(key: bytes, value: bytes) -> bytes:
    return hmac.digest(key, value, hashlib.sha256)
