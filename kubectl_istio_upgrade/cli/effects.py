"""What each command changes, for its help: in the cluster, in the store, and elsewhere on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

NOTHING = "nothing"
MADE = "made, empty, where there is none; else nothing"
RECORDED = "a snapshot before and one after, and a journal"
LOCKED = "meanwhile a Lease, which is gone at the end"
FETCHED = "with --download: istioctl, in the cache"


class Effects(NamedTuple):
    """What changes once a command has ended well. `--dry-run` and `--plan` leave all of that as it is."""

    cluster: str = NOTHING
    store: str = NOTHING
    files: str = NOTHING


EFFECTS: Mapping[str, Effects] = {
    "snapshot": Effects(store="a snapshot; made where there is none"),
    "history": Effects(),
    "show": Effects(),
    "diff": Effects(store="with `live` on both sides made, empty, where there is none; else nothing"),
    "apply": Effects(f"the objects of the manifests; {LOCKED}", RECORDED),
    "rollback": Effects(
        f"what differs from the snapshot: updated, created, deleted; then workloads restarted since; {LOCKED}",
        RECORDED,
        "with --to-dir: manifests; then nothing in the cluster and the store",
    ),
    "validate": Effects(store=MADE),
    "restart": Effects(f"the time in the pod templates of those workloads, so their pods; {LOCKED}", RECORDED),
    "status": Effects(store=MADE),
    "precheck": Effects(store=MADE, files=FETCHED),
    "upgrade": Effects(
        f"the installation, then the pods of workloads with an outdated proxy; {LOCKED}",
        RECORDED,
        f"{FETCHED}; with --to-dir: settings and manifests",
    ),
    "promote": Effects(f"labels of the namespaces, or the webhooks and the Service of the tag; {LOCKED}", RECORDED),
    "retire": Effects(f"deletes that control plane's objects; {LOCKED}", RECORDED),
    "resume": Effects(
        f"what the operation has not written yet; {LOCKED}", "a snapshot after, and the journal", FETCHED
    ),
    "abort": Effects(f"what the operation has written, back as it was; {LOCKED}", "a snapshot after, and the journal"),
    "report": Effects(files="with --html: that page"),
    "rbac": Effects(),
    "store init": Effects(store="made where there is none; its recipients"),
    "store verify": Effects(),
    "store gc": Effects(store="removes snapshots that nothing keeps"),
    "store push": Effects(store="takes over what only the remote has; the remote gets the rest"),
    "store pull": Effects(store="takes over what only the remote has; made where there is none"),
    "store path": Effects(),
    "completion": Effects(files="with --install: one small program on the PATH"),
    "config view": Effects(),
}
"""By the words of the command; groups change nothing by themselves."""


def rows(path: str) -> list[tuple[str, str]]:
    """For the help of the command with these words; none for a group."""
    effects = EFFECTS.get(path)
    return list(effects._asdict().items()) if effects else []
