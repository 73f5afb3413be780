"""What of a snapshot compares with the mesh as it is read now: not all of it always does."""

from __future__ import annotations

from dataclasses import replace

from ..models.objects import Completeness, Key, State
from ..models.snapshots import SnapshotInfo
from ..plan.rollback import RollbackOptions
from ..ports import Digester, SealedValues
from ..rules.scope import SCOPE_VERSION
from ..rules.scope_history import judged_alike
from .rekeying import Rekeyed, rekeyed

UNKNOWN = "what is not in it is unknown and stays as it is"


def comparable(
    target: SnapshotInfo, state: State, sealed: SealedValues, digester: Digester, options: RollbackOptions
) -> tuple[State, RollbackOptions, tuple[str, ...]]:
    """The target as it compares with the mesh, the options that leave out the rest, and warnings that say so.

    Raises StoreError for encrypted values that are damaged.
    """
    warnings = []
    if state.completeness is not Completeness.COMPLETE:
        warnings.append(f"{target.short} was imported from files: {UNKNOWN}")
    elif target.meta.scope_version != SCOPE_VERSION:
        warnings.append(f"{target.short} was taken by a version of this tool that looked for other objects: {UNKNOWN}")
        options = replace(_of_both(options, target), delete_added=False)
    if target.meta.secret_key_id == digester.key_id:
        return state, options, tuple(warnings)
    renewed = rekeyed(state, sealed, digester)
    if count := len(renewed.left_out):
        secrets = f"{count} Secret{'s' if count > 1 else ''} left out"
        way_in = _way_in(renewed, sealed, identified=options.secrets.identified)
        warnings.append(f"{secrets}: {target.short} was taken with another digest key{way_in}")
    chosen = options.select

    def comparing(key: Key) -> bool:
        return renewed.compares(key) and chosen(key)

    secrets_of = replace(options.secrets, unseal=renewed.unseal)
    return renewed, replace(options, select=comparing, secrets=secrets_of), tuple(warnings)


def _of_both(options: RollbackOptions, target: SnapshotInfo) -> RollbackOptions:
    """The options without the objects of which the tables of one version say nothing."""
    chosen = options.select

    def known(key: Key) -> bool:
        return judged_alike(key, target.meta.scope_version, SCOPE_VERSION) and chosen(key)

    return replace(options, select=known)


def _way_in(renewed: Rekeyed, sealed: SealedValues, *, identified: bool) -> str:
    """What the user can do about Secrets that do not compare."""
    if not any(key in sealed for key in renewed.left_out):
        return ""
    return ", and is encrypted to others than the identities given" if identified else ": pass --identity"
