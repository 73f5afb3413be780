"""Who may talk to the API server, and the files that say so."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from pathlib import Path

import yaml

CONTEXT = "testbed"
ADMIN = "admin"
USERS: dict[str, tuple[str, ...]] = {
    ADMIN: ("system:masters",),
    "reader": ("testbed:readers",),
    "limited": ("testbed:limited",),
    "nobody": (),
}
"""Known from the start. But for the administrator they may do nothing until a test binds a role to them."""

_P256 = bytes.fromhex("06082a8648ce3d030107")
"""The curve's object identifier, in DER."""


@dataclass(frozen=True)
class User:
    """A user whom the API server knows by a bearer token."""

    name: str
    groups: tuple[str, ...]
    token: str


def new_user(name: str, groups: tuple[str, ...]) -> User:
    """A user with a fresh token."""
    return User(name, groups, secrets.token_hex(16))


def write_tokens(path: Path, users: list[User]) -> None:
    """The API server's token file, which it reads once, when it starts."""
    write_private(path, "".join(f'{user.token},{user.name},{user.name},"{",".join(user.groups)}"\n' for user in users))


def write_signing_key(path: Path) -> None:
    """A fresh key for service account tokens.

    An elliptic-curve key because it is just a random number: the standard library can neither make RSA keys nor
    write them, and this saves a dependency.
    """
    number = (1 + secrets.randbelow(2**255)).to_bytes(32, "big")
    body = b"\x02\x01\x01" + b"\x04\x20" + number + b"\xa0" + bytes([len(_P256)]) + _P256
    der = b"\x30" + bytes([len(body)]) + body
    lines = base64.encodebytes(der).decode()
    write_private(path, f"-----BEGIN EC PRIVATE KEY-----\n{lines}-----END EC PRIVATE KEY-----\n")


def write_kubeconfig(path: Path, server: str, authority: Path, user: str, token: str) -> None:
    """A kubeconfig with one context, `testbed`."""
    authority_data = base64.b64encode(authority.read_bytes()).decode()
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CONTEXT, "cluster": {"server": server, "certificate-authority-data": authority_data}}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": user}}],
        "current-context": CONTEXT,
    }
    write_private(path, yaml.safe_dump(document, sort_keys=False))


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read."""
    path.touch(mode=0o600)
    path.write_text(text)
