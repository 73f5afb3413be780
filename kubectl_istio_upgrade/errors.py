"""Everything that can go wrong, as one tree.

Each class owns its exit code; each instance owns its message and its hint. They become output in one place
(`cli.main`). Nothing else in the package calls `sys.exit` or prints an error.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a caller (a person, a pipeline) may rely on; documented in the README and in every `--help`."""

    DONE = 0
    DIFFERENT = 1
    USAGE = 2
    REFUSED = 3
    INCOMPLETE = 4
    CLUSTER = 5
    STORE = 6
    BUG = 70
    INTERRUPTED = 130


class IstioUpgradeError(Exception):
    """The root of the tree: a message in lower case, and a hint that says what to do next, or none."""

    exit_code: ExitCode = ExitCode.BUG

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(IstioUpgradeError):
    """The command line or an input file cannot be understood; nothing was done."""

    exit_code = ExitCode.USAGE


class BadManifestError(UsageError):
    """A manifest file cannot be read as Kubernetes objects: not YAML, no kind, unknown kind, empty, duplicates."""


class UnknownReferenceError(UsageError):
    """A snapshot reference names nothing, or more than one thing."""


class RefusedError(IstioUpgradeError):
    """The tool will not do it, and changed nothing: no confirmation, a failed dry run, a gate."""

    exit_code = ExitCode.REFUSED


class LockedError(RefusedError):
    """Somebody else is changing this mesh."""


class NothingWrittenError(RefusedError):
    """An operation has stopped before its first write, and its journal says so: there is nothing to end."""


class IncompleteError(IstioUpgradeError):
    """It stopped half-way, or the proof is not empty; the hint names the command that ends it."""

    exit_code = ExitCode.INCOMPLETE


class UnfinishedError(IncompleteError):
    """An earlier operation has not ended, so no other may begin."""


class LostLockError(IncompleteError):
    """The cluster's lock is not ours any more: not one more write."""


class WrittenError(IncompleteError):
    """An object is written, or may be, and what belongs to its writing has failed."""


class NotReadyError(IncompleteError):
    """What was written has not taken effect in time. `objects` are those concerned, as their keys are written."""

    def __init__(self, message: str, *, hint: str | None = None, objects: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.objects = objects


class ClusterError(IstioUpgradeError):
    """The cluster did not answer, did not let us, or failed."""

    exit_code = ExitCode.CLUSTER


class UnreachableError(ClusterError):
    """No connection to the API server, or it gave up in the middle of an answer."""


class UnauthorizedError(ClusterError):
    """401: the API server does not know these credentials."""


class ForbiddenError(ClusterError):
    """403: the credentials lack a permission; the message names verb, group and resource."""


class ApiError(ClusterError):
    """Any other answer of the API server that is not success, with its HTTP status and its `reason`."""

    def __init__(self, message: str, *, status: int, reason: str = "", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.reason = reason


class NotFoundError(ApiError):
    """404: the one answer that means absent."""


class ConflictError(ApiError):
    """409: the object moved since it was read, or a UID precondition failed, or the name is taken."""


class InvalidError(ApiError):
    """400 or 422, or a webhook's or policy's refusal: the server will not accept this object."""


class ExpiredError(ApiError):
    """410: the resource version is no longer available; a snapshot starts over."""


class ToolError(IstioUpgradeError):
    """istioctl or helm is missing, of another release, or failed without having changed anything."""

    exit_code = ExitCode.REFUSED


class ToolTimeoutError(ToolError):
    """istioctl or helm did not come to its end in time."""


class StoreError(IstioUpgradeError):
    """The store is missing, locked, damaged, full or of another format."""

    exit_code = ExitCode.STORE


class RemoteError(StoreError):
    """The remote of a store cannot be reached, cannot be read, or does not take what is sent; here nothing is lost."""


class Interrupted(IstioUpgradeError):  # noqa: N818 - an interruption is not an error of the program
    """Ctrl-C (or SIGTERM) before anything was written."""

    exit_code = ExitCode.INTERRUPTED
