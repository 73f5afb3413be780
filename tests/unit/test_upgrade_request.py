"""What is asked of an upgrade survives the journal, and means the same to whoever goes on with it."""

from __future__ import annotations

import json

import pytest

from kubectl_istio_upgrade.errors import UsageError
from kubectl_istio_upgrade.operations.upgrading.preparing import Request


@pytest.mark.parametrize(
    "request_",
    [
        Request("1.29.1", failed={}),
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
        ),
    ],
)
def test_it_comes_back_from_the_journal_as_it_was(request_: Request) -> None:
    assert Request.of_data(json.loads(json.dumps(request_.to_data()))) == request_


def test_which_workloads_it_means() -> None:
    assert Request("1.29.1", workloads=("none",)).choice.none
    assert Request("1.29.1", workloads=("all",)).choice.current_too
    looking = Request("1.29.1", workloads=("plan", "namespace/shop"))
    assert looking.only_looks
    assert len(looking.choice.tests) == 1
    assert not Request("1.29.1").only_looks
    with pytest.raises(UsageError, match="cannot read selector 'nonsense'"):
        _ = Request("1.29.1", workloads=("nonsense",)).choice
