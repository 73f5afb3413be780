"""What of a snapshot compares with the mesh."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from kubectl_istio_upgrade.adapters.store.digests import KeyedDigester
from kubectl_istio_upgrade.models.objects import Key, MeshObject
from kubectl_istio_upgrade.models.secrets import NO_VALUES, Values
from kubectl_istio_upgrade.models.snapshots import ClusterIdentity, Purpose, SnapshotInfo, SnapshotMeta
from kubectl_istio_upgrade.normalise.secrets import without_values
from kubectl_istio_upgrade.operations.comparable import comparable
from kubectl_istio_upgrade.operations.diffing import ANOTHER_SCOPE, diff
from kubectl_istio_upgrade.plan.rollback import RollbackOptions, plan_rollback
from kubectl_istio_upgrade.plan.secrets import SecretSources
from kubectl_istio_upgrade.rules.scope import SCOPE_VERSION

from .builders import key, obj, state

THEIRS, OURS = KeyedDigester(b"a" * 32), KeyedDigester(b"b" * 32)
VALUE = base64.b64encode(b"of monday").decode()
PLAIN = obj("Secret", "istio-system/tls", data={"key": VALUE})
OTHER = obj("Secret", "istio-system/other", data={"key": VALUE})


@dataclass(frozen=True)
class Sealed:
    """The encrypted values of a snapshot, as an identity opens them, or does not."""

    values: Mapping[Key, Values]

    def __contains__(self, key: object) -> bool:
        return key in self.values

    def open(self, key: Key) -> Values:
        return self.values[key]


def info(digester: KeyedDigester, *, scope: int = SCOPE_VERSION) -> SnapshotInfo:
    meta = SnapshotMeta(
        Purpose.SNAPSHOT,
        ClusterIdentity("uid", "context"),
        datetime(2026, 1, 1, tzinfo=UTC),
        secret_key_id=digester.key_id,
        scope_version=scope,
    )
    return SnapshotInfo("c" * 40, "branch", meta)


def taken(*objects: MeshObject) -> tuple[list[MeshObject], Sealed]:
    """As their store has them, all encrypted."""
    digested = [without_values(each, THEIRS) for each in objects]
    return [replace(each, withheld=NO_VALUES) for each in digested], Sealed({e.key: e.withheld for e in digested})


def test_with_our_own_key_everything_compares() -> None:
    objects, sealed = taken(PLAIN)
    before, options = state(*objects), RollbackOptions()
    assert comparable(info(THEIRS), before, sealed, THEIRS, options) == (before, options, ())


def test_what_an_identity_opens_is_digested_anew() -> None:
    objects, sealed = taken(PLAIN)
    found, options, warnings = comparable(info(THEIRS), state(*objects), sealed, OURS, RollbackOptions())
    expected = without_values(PLAIN, OURS)
    (loaded,) = found.load([PLAIN.key]).values()
    assert loaded.body == expected.body
    assert dict(options.secrets.unseal(PLAIN.key).items()) == dict(expected.withheld.items())
    assert options.select(PLAIN.key)
    assert warnings == ()


def test_what_nobody_opens_is_left_out_and_said() -> None:
    objects, _ = taken(PLAIN, OTHER)
    closed = Sealed({PLAIN.key: NO_VALUES})
    for identified, words in ((False, "pass --identity"), (True, "to others than the identities given")):
        given = RollbackOptions(secrets=SecretSources(identified=identified))
        _, options, (warning,) = comparable(info(THEIRS), state(*objects), closed, OURS, given)
        assert warning.startswith("2 Secrets left out: ccccccc was taken with another digest key")
        assert words in warning
        assert not options.select(PLAIN.key)
        assert not options.select(OTHER.key)


def test_a_secret_that_was_added_since_compares_with_any_key() -> None:
    _, options, warnings = comparable(info(THEIRS), state(), Sealed({}), OURS, RollbackOptions())
    assert options.select(PLAIN.key)
    assert warnings == ()


NO_SESSION: Any = None
"""Between two snapshots of one store nothing is asked of it."""


def test_a_diff_leaves_out_what_only_one_of_two_versions_looked_for() -> None:
    before = state(obj("ConfigMap", "istio-system/openshift-service-ca.crt"), obj("ConfigMap", "istio-system/gone"))
    after = state(obj("InferencePool", "shop/a"), obj("VirtualService", "shop/new"))
    then, now = info(OURS, scope=1), info(OURS, scope=2)
    comparison = diff(NO_SESSION, (before, then), (after, now))
    assert {each.key for each in comparison.diffs} == {
        key("ConfigMap", "istio-system/gone"),
        key("VirtualService", "shop/new"),
    }
    assert comparison.not_compared == (ANOTHER_SCOPE,)
    alike = diff(NO_SESSION, (before, now), (after, now))
    assert (len(alike.diffs), alike.not_compared) == (4, ())


def test_what_another_version_did_not_look_for_was_not_added() -> None:
    report, plain = obj("ConfigMap", "istio-system/openshift-service-ca.crt"), obj("ConfigMap", "istio-system/a")
    before, options, (warning,) = comparable(
        info(OURS, scope=1), state(report, plain), Sealed({}), OURS, RollbackOptions()
    )
    assert "looked for other objects" in warning
    changes = plan_rollback(
        state(obj("InferencePool", "shop/a"), obj("Namespace", "istio-system")), before, options
    ).changes
    assert [change.key for change in changes] == [plain.key], "the others are unknown on one side"
    other = info(OURS, scope=SCOPE_VERSION + 1)
    _, options, (warning,) = comparable(other, state(), Sealed({}), OURS, RollbackOptions(delete_added=True))
    assert not options.delete_added
    assert "looked for other objects" in warning
