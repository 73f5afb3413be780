"""The keyed digests that stand for secret values, and the key that never enters git."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import stat
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import StoreError
from .durable import flush_folder

_KEY_BYTES = 32
_file = re.compile(rb"(?P<key>[0-9a-f]{%d})(?:\n(?P<id>[0-9a-f]{16}))?\n?" % (2 * _KEY_BYTES)).fullmatch
_KEY_NAME_DOMAIN = b"kubectl-istio-upgrade digest key\0"


@dataclass(frozen=True, slots=True)
class KeyedDigester:
    """Implements `ports.Digester` by HMAC-SHA-256."""

    key: bytes = field(repr=False)

    @property
    def key_id(self) -> str:
        """The first 16 hex digits of the key's own SHA-256: tells keys apart and tells nothing of them."""
        return hashlib.sha256(_KEY_NAME_DOMAIN + self.key).hexdigest()[:16]

    def digest(self, context: str, value: bytes) -> str:
        """See `ports.Digester`. The context's length goes first, so no two pairs run together."""
        where = context.encode()
        message = len(where).to_bytes(8, "big") + where + value
        return f"hmac-sha256:{hmac.digest(self.key, message, 'sha256').hex()}"


def open_digester(file: Path) -> KeyedDigester:
    """The digester of the key in `file`, which is made if there is none.

    Raises StoreError for a key that others can read, and for one that is damaged: a new one would make every Secret
    look changed, so nobody but the user may decide that.
    """
    try:
        if not file.exists():
            _make_key(file)
        if os.name == "posix" and stat.S_IMODE(file.stat().st_mode) & 0o077:
            raise StoreError(f"the digest key {file} can be read by others", hint=f"chmod 600 {file}")
        content = file.read_bytes()
    except OSError as error:
        raise StoreError(f"the digest key {file} cannot be used: {error.strerror}") from error
    digester = _read_key(content)
    if digester is None:
        hint = "put it back from a copy; or delete it to get a new one, and every Secret will look changed once"
        raise StoreError(f"the digest key {file} is damaged", hint=hint)
    return digester


def _read_key(content: bytes) -> KeyedDigester | None:
    """The key in the first line, if it is the one that the second line names, where there is one."""
    found = _file(content)
    if found is None:
        return None
    digester = KeyedDigester(bytes.fromhex(found["key"].decode()))
    return digester if found["id"] in (None, digester.key_id.encode()) else None


def _make_key(file: Path) -> None:
    """Make the key whole or not at all: written aside, flushed, and given its name unless somebody was faster."""
    handle, aside = tempfile.mkstemp(dir=file.parent, prefix=".digest.key.")  # mode 0600, never an existing file
    try:
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            key = secrets.token_bytes(_KEY_BYTES)
            stream.write(f"{key.hex()}\n{KeyedDigester(key).key_id}\n")
            stream.flush()
            os.fsync(stream.fileno())
        os.link(aside, file)
        flush_folder(file.parent)
    except FileExistsError:
        return
    finally:
        Path(aside).unlink()
