"""What is asked of an upgrade survives the journal, and means the same to whoever goes on with it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import cast

import pytest

from kubectl_istio_upgrade.adapters.store.digests import KeyedDigester
from kubectl_istio_upgrade.errors import RefusedError, UsageError
from kubectl_istio_upgrade.models.changes import FieldChange, FieldOp, ItemKey
from kubectl_istio_upgrade.models.operations import Opening, Operation
from kubectl_istio_upgrade.operations.records import safe_to_keep
from kubectl_istio_upgrade.operations.session import WritingSession
from kubectl_istio_upgrade.operations.upgrading.choosing import Tools
from kubectl_istio_upgrade.operations.upgrading.request import Means, Request
from kubectl_istio_upgrade.operations.upgrading.resuming import go_on
from kubectl_istio_upgrade.plan.dropping import Dropped

from .builders import key


@pytest.mark.parametrize(
    "request_",
    [
        Request("1.29.1", failed={}, dropped=Dropped()),
        Request(
            "1.29.1",
            revision="canary",
            gateways=True,
            ignore=("IST0101",),
            settings={"spec": {"tag": "1.29.1"}},
            workloads=("namespace/shop", "app=web"),
            batch=2,
            at="2026-11-25T04:00:00Z",
            failed={"revisions": ["namespace a asks for revision x"]},
            dropped=Dropped(
                {
                    key("ConfigMap", "istio-system/istio"): (
                        FieldChange(FieldOp.REMOVE, ("data", ItemKey(("name",), ("x",)), "y"), before={"z": 1}),
                        FieldChange(FieldOp.REMOVE, ("data", "w"), before="v"),
                    )
                },
                (key("Deployment", "istio-system/old"),),
            ),
            means=Means("/srv/charts", "/opt/helm", "/opt/istioctl"),
            beside=False,
        ),
    ],
)
def test_it_comes_back_from_the_journal_as_it_was(request_: Request) -> None:
    assert Request.of_data(json.loads(json.dumps(request_.to_data()))) == request_


def test_a_journal_of_before_programs_and_charts_were_kept_names_none() -> None:
    data = Request("1.29.1", failed={}, dropped=Dropped()).to_data()
    del data["means"]
    assert Request.of_data(data).means == Means()


def test_which_workloads_it_means() -> None:
    assert Request("1.29.1", workloads=("none",)).choice.none
    assert Request("1.29.1", workloads=("all",)).choice.current_too
    looking = Request("1.29.1", workloads=("plan", "namespace/shop"))
    assert looking.only_looks
    assert len(looking.choice.tests) == 1
    assert not Request("1.29.1").only_looks
    with pytest.raises(UsageError, match="cannot read selector 'nonsense'"):
        _ = Request("1.29.1", workloads=("nonsense",)).choice


def test_a_credential_in_its_settings_is_in_no_journal_and_then_it_cannot_be_resumed() -> None:
    token = "-----BEGIN RSA PRIVATE KEY-----\nMIIEcanary\n-----END RSA PRIVATE KEY-----\n"
    request = Request("1.29.1", settings={"spec": {"values": {"pilot": {"env": {"KEY": token}}}}}, failed={})
    kept = safe_to_keep(request.to_data(), KeyedDigester(b"k" * 32))
    assert "canary" not in json.dumps(kept)
    opening = Opening("id", "upgrade", "1.29.1", "Istio 1.29.1", "b" * 40, datetime(2026, 1, 1, tzinfo=UTC), kept)
    with pytest.raises(RefusedError, match="a credential, which no journal keeps"):
        go_on(cast(WritingSession, None), Operation(opening, ()), cast(Tools, None))
