"""Plans of manifests: what they show of objects that the server could not be asked about yet."""

from __future__ import annotations

from kubectl_istio_upgrade.models.objects import MeshObject
from kubectl_istio_upgrade.models.plans import Action, Plan
from kubectl_istio_upgrade.plan.manifests import Manifests, plan_apply, wanted_changes
from kubectl_istio_upgrade.plan.secrets import SecretSources

from .builders import obj, state, type_of


def untried(live: MeshObject, wanted: MeshObject) -> Plan:
    here = state(live)
    manifests = Manifests("manifests", {wanted.key: wanted}, {wanted.key: type_of(wanted.kind)})
    return plan_apply(here, manifests, wanted_changes(here, manifests, force=False), {}, SecretSources())


LIVE = obj("VirtualService", "shop/web", version="2", annotations={"by": "bob"}, spec={"hosts": ["a"], "http": [1]})


def test_what_the_manifest_does_not_mention_is_not_shown_as_taken_away() -> None:
    wanted = obj("VirtualService", "shop/web", spec={"hosts": ["b"]})
    (change,) = untried(LIVE, wanted).changes
    assert change.diff is not None
    assert [field.path for field in change.diff.fields] == [("spec", "hosts", 0)]
    assert (change.action, change.target) == (Action.UPDATE, wanted)


def test_nor_is_it_known_to_stay_so_it_is_written() -> None:
    """A field that this tool has applied before, and that the manifest no longer has, goes with the write."""
    (change,) = untried(LIVE, obj("VirtualService", "shop/web", spec={"hosts": ["a"]})).changes
    assert (change.action, change.diff) == (Action.UPDATE, None)


def test_an_object_that_is_its_manifest_needs_no_write() -> None:
    assert untried(LIVE, LIVE).changes == ()
