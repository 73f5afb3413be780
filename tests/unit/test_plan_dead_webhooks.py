from __future__ import annotations

from kubectl_istio_upgrade.models.objects import MeshObject
from kubectl_istio_upgrade.models.webhooks import Backing, DeadWebhook, ServiceName
from kubectl_istio_upgrade.plan.dead_webhooks import Surrounding, called_services, dead_webhooks

from .builders import obj, state
from .webhooks import CERTIFICATE, WEBHOOK, bundle, validator

ISTIOD = ServiceName("istio-system", "istiod")


def dead(hooks: MeshObject, backing: Backing | None = None, root: str = "") -> list[DeadWebhook]:
    return list(dead_webhooks(state(hooks), Surrounding({ISTIOD: backing or Backing()}, root)))


def test_a_webhook_that_is_served_is_not_dead() -> None:
    assert dead(validator()) == []


def test_a_service_with_nothing_ready_behind_it_makes_its_webhooks_dead() -> None:
    (found,) = dead(validator(), Backing(ready=False))
    assert found.webhook == WEBHOOK
    assert found.fails_closed
    assert found.why == "its service istio-system/istiod has no ready endpoint"
    assert (found.needs_service, found.needs_workload) == (False, True)


def test_a_service_that_is_gone_is_told_apart_from_one_without_endpoints() -> None:
    (found,) = dead(validator(), Backing(exists=False, ready=True))
    assert found.why == "its service istio-system/istiod does not exist"
    assert (found.needs_service, found.needs_workload) == (True, False)
    (found,) = dead(validator(), Backing(exists=False, ready=False))
    assert (found.needs_service, found.needs_workload) == (True, True)


def test_a_policy_that_is_not_written_fails_closed() -> None:
    hooks = validator()
    del hooks.body["webhooks"][0]["failurePolicy"]
    assert dead(hooks, Backing(ready=False))[0].fails_closed
    assert not dead(validator(policy="Ignore"), Backing(ready=False))[0].fails_closed


def test_a_ca_that_shares_no_certificate_with_the_mesh_is_stale() -> None:
    root = CERTIFICATE % "NEW"
    (found,) = dead(validator(ca=bundle("OLD")), root=root)
    assert "caBundle does not have the mesh's root certificate" in found.why
    assert found.needs_workload, "istiod renews it when it starts"
    assert dead(validator(ca=bundle("OLD", "NEW")), root=root) == []
    assert dead(validator(ca="not base64!"), root=root) != []
    assert dead(validator(ca=bundle("OLD")), root="") == [], "unknown is no reason"


def test_the_ca_of_webhooks_that_istiod_does_not_patch_is_their_own_business() -> None:
    hooks = validator(ca=bundle("OLD"))
    hooks.body["metadata"]["labels"] = {}
    assert dead(hooks, root=CERTIFICATE % "NEW") == []


def test_webhooks_called_by_url_are_out_of_sight() -> None:
    remote = obj("MutatingWebhookConfiguration", "a", webhooks=[{"name": "x", "clientConfig": {"url": "https://x"}}])
    assert called_services(state(remote, validator())) == (ISTIOD,)
    assert dead(remote, Backing(ready=False)) == []
