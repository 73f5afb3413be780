"""age: recipients that values are encrypted to, identities that open them. The only module that knows pyrage."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ...errors import StoreError, UsageError

_AGE = "age1"
_SSH = ("ssh-ed25519", "ssh-rsa")
_ENCRYPTED = ("age-encryption.org/", "-----BEGIN AGE ENCRYPTED FILE-----")
_NO_KEY_FITS = "No matching keys found"
"""pyrage's words for a file that is sound and meant for others."""


def checked_recipient(text: str) -> str:
    """A recipient as it is recorded: an age public key, or an SSH one without its comment. Raises UsageError."""
    words = text.split()
    recipient = " ".join(words[:2] if words[:1] and words[0] in _SSH else words)
    try:
        _recipient(recipient)
    except _pyrage().RecipientError as error:
        hint = (
            "name an age public key (age1..., as `age-keygen` prints it) or an SSH one (ssh-ed25519 ..., ssh-rsa ...)"
        )
        if text.startswith("AGE-SECRET-KEY-"):
            raise UsageError("a recipient is a public key; this is a secret one", hint=hint) from None
        raise UsageError(f"{_shortened(text)!r} is not a recipient: {error}", hint=hint) from error
    return recipient


class Sealer:
    """Encrypts to a set of recipients."""

    def __init__(self, recipients: Sequence[str]) -> None:
        """Raises StoreError for recipients that somebody wrote into the store by hand, and wrongly."""
        try:
            self._recipients = [_recipient(text) for text in recipients]
        except _pyrage().RecipientError as error:
            hint = "correct istioupgrade.recipient in the store's config file"
            raise StoreError(f"a recipient in the store's configuration cannot be used: {error}", hint=hint) from error

    def seal(self, plain: bytes) -> bytes:
        """An age file; another one at each call, even of the same text."""
        sealed: bytes = _pyrage().encrypt(plain, self._recipients)
        return sealed


class Opener:
    """Decrypts with the identities of some files."""

    def __init__(self, files: Iterable[Path]) -> None:
        """Raises UsageError for a file that cannot be read, that others can read, or that holds no usable identity."""
        self._identities = [identity for file in files for identity in _identities(file)]

    def open(self, sealed: bytes) -> bytes | None:
        """The text, or None where no identity opens it. Raises ValueError for what is damaged or no age file."""
        if not self._identities:
            return None
        age = _pyrage()
        try:
            plain: bytes = age.decrypt(sealed, self._identities)
        except age.DecryptError as error:
            if _NO_KEY_FITS in str(error):
                return None
            raise ValueError(str(error)) from error
        return plain


def _pyrage() -> Any:
    import pyrage  # not above: most commands encrypt nothing

    return pyrage


def _recipient(text: str) -> Any:
    age = _pyrage()
    return age.x25519.Recipient.from_str(text) if text.startswith(_AGE) else age.ssh.Recipient.from_str(text)


def _identities(file: Path) -> list[Any]:
    try:
        about = file.expanduser().stat()
        content = file.expanduser().read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read the identity file {file}: {error.strerror}") from error
    if os.name == "posix" and stat.S_ISREG(about.st_mode) and about.st_mode & 0o077:
        raise UsageError(f"the identity file {file} can be read by others", hint=f"chmod 600 {file}")
    text = content.decode("utf-8", "replace")
    if text.startswith(_ENCRYPTED):
        hint = f"decrypt it for this command alone: --identity <(age --decrypt {file})"
        raise UsageError(f"the identity file {file} is itself encrypted", hint=hint)
    try:
        return _parsed(content, text)
    except _pyrage().IdentityError as error:  # its words never quote the file
        hint = (
            "an age identity (AGE-SECRET-KEY-1..., as `age-keygen` writes it) or an SSH private key without passphrase"
        )
        raise UsageError(f"{file} holds no identity that can be used: {error}", hint=hint) from None


def _parsed(content: bytes, text: str) -> list[Any]:
    age = _pyrage()
    if text.startswith("-----BEGIN"):
        return [age.ssh.Identity.from_buffer(content)]
    lines = [line.strip() for line in text.splitlines()]
    keys = [line for line in lines if line and not line.startswith("#")]
    if not keys:
        raise age.IdentityError("it is empty")
    return [age.x25519.Identity.from_str(key) for key in keys]


def _shortened(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."
