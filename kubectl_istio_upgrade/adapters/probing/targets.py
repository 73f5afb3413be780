"""What the user wants probed, read from the command line. Raises UsageError for what cannot be."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from ...errors import UsageError
from ...models.probes import Probe, ProbeKind

_STATUSES = re.compile(r"([1-5]\d\d)(?:-([1-5]\d\d))?")


def probes_of(urls: Sequence[str], commands: Sequence[str]) -> tuple[Probe, ...]:
    """Probes with names that tell them apart and give nothing away.

    A query may hold a token, an argument a password, and names end up in the store: of both only a sign is shown.
    """
    named = [(ProbeKind.URL, _shown(split(url)), url) for url in urls]
    named += [(ProbeKind.COMMAND, _called(command), command) for command in commands]
    result: list[Probe] = []
    for kind, name, target in named:
        same = sum(1 for _, other, _ in named[: len(result)] if other == name)
        result.append(Probe(kind, f"{name} ({same + 1})" if same else name, target))
    return tuple(result)


def split(url: str) -> SplitResult:
    """A URL that a GET can be sent to."""
    hint = "such as --probe http://shop.example.com/healthz"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"--probe {url!r} is no URL: {error}", hint=hint) from None
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            "--probe takes no user name and password in its URL: it would be recorded",
            hint="use --probe-command, with a program that reads them from a file: `curl --fail --netrc ...`",
        )
    if parts.scheme not in ("http", "https") or not host or re.search(r"[\s\x00-\x1f\x7f]", url):
        raise UsageError(f"--probe {url!r} is no http or https URL", hint=hint)
    _check_sendable(url, host)
    return parts


def _check_sendable(url: str, host: str) -> None:
    """Refuse what no request line can hold, and no resolver look up."""
    if not url.isascii():
        raise UsageError(f"--probe {url!r} is not ASCII", hint="percent-encode it, and write the host as xn--...")
    try:
        host.encode("idna")
    except UnicodeError:
        hint = "its labels are between dots, of 1 to 63 characters each"
        raise UsageError(f"--probe {url!r}: {host!r} is no host name", hint=hint) from None


def argv(command: str) -> tuple[Path, list[str]]:
    """The program's own path, and its arguments: words and quotes are a shell's, variables and pipes are not."""
    hint = "for pipes and variables: --probe-command \"sh -c '...'\""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"--probe-command cannot be read: {str(error).lower()}", hint=hint) from None
    if not words:
        raise UsageError("--probe-command is empty", hint=hint)
    found = shutil.which(words[0])
    if found is None:
        raise UsageError(f"--probe-command: there is no program {words[0]!r}", hint=hint)
    return Path(found).absolute(), words[1:]


def statuses_of(texts: Sequence[str]) -> tuple[range, ...]:
    """`401`, `200-299`."""
    return tuple(_range(text) for text in texts)


def _range(text: str) -> range:
    match = _STATUSES.fullmatch(text)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if last < first:
        raise UsageError(f"--probe-status {text!r} is no HTTP status", hint="such as --probe-status 401 or 200-299")
    return range(first, last + 1)


def _shown(parts: SplitResult) -> str:
    query = "?…" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}{parts.path or '/'}{query}"


def _called(command: str) -> str:
    path, arguments = argv(command)
    return f"{path.name} …" if arguments else path.name
