from __future__ import annotations

from kubectl_istio_upgrade.models.objects import Body, MeshObject
from kubectl_istio_upgrade.normalise.hidden import hidden_fields
from kubectl_istio_upgrade.plan.hiding import hidden_warnings
from kubectl_istio_upgrade.plan.rollback import plan_rollback

from .builders import obj, state

RECORD: Body = {
    "manager": "kubectl",
    "fieldsV1": {
        "f:metadata": {"f:labels": {"f:gone": {}}},
        "f:spec": {".": {}, "f:host": {}, "f:trafficPolicy": {".": {}, "f:newer": {"f:deep": {}}}, "f:subsets": {}},
    },
}


def rule(spec: Body, *records: Body, kind: str = "DestinationRule") -> MeshObject:
    return obj(kind, "shop/a", spec=spec, managed=records or (RECORD,))


WHOLE: Body = {"host": "a", "trafficPolicy": {"newer": {"deep": 1}}, "subsets": [{"name": "x"}]}
HIDDEN: Body = {"host": "a", "trafficPolicy": {}, "subsets": [{"name": "x"}]}


def test_what_is_owned_and_not_shown_is_hidden() -> None:
    assert hidden_fields(rule(HIDDEN)) == ("spec.trafficPolicy.newer",)
    assert hidden_fields(rule(WHOLE)) == ()


def test_empty_values_are_shown() -> None:
    assert hidden_fields(rule({"host": "", "trafficPolicy": {"newer": {"deep": None}}, "subsets": []})) == ()


def test_what_is_inside_of_lists_cannot_be_told() -> None:
    items: Body = {"manager": "x", "fieldsV1": {"f:spec": {"f:subsets": {'k:{"name":"x"}': {"f:name": {}, "f:y": {}}}}}}
    assert hidden_fields(rule(WHOLE, items)) == ()


def test_status_and_other_peoples_types_do_not_count() -> None:
    status: Body = {"manager": "x", "subresource": "status", "fieldsV1": {"f:status": {"f:a": {}}}}
    assert hidden_fields(rule(WHOLE, status)) == ()
    assert hidden_fields(rule(HIDDEN, kind="Deployment")) == ()


def test_a_plan_says_which_of_them_it_would_drop_for_good() -> None:
    live = rule({**HIDDEN, "host": "b"})
    (warning,) = hidden_warnings(state(live))
    assert "spec.trafficPolicy.newer; a snapshot cannot hold them" in warning
    target = obj("DestinationRule", "shop/a", version="0", spec=HIDDEN)
    (warning,) = plan_rollback(state(live), state(target)).warnings
    assert "this plan's write drops them for good" in warning
