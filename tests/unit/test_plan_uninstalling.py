"""Retiring a control plane of Helm's: its release goes with it, or the plan says why not and what to do."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import replace

import pytest

from kubectl_istio_upgrade.models.objects import MeshObject
from kubectl_istio_upgrade.models.secrets import Values
from kubectl_istio_upgrade.models.settings import NO_RECORD
from kubectl_istio_upgrade.normalise.records import read_record
from kubectl_istio_upgrade.plan.uninstalling import Uninstalled, uninstalled

from .builders import obj, state

FORGET = "kubectl delete secret -n istio-system -l owner=helm,name=istiod"
DIGEST = "hmac-sha256:" + "a" * 64


def of_release(kind: str, name: str, release: str = "istiod") -> MeshObject:
    annotations = {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": "istio-system"}
    return obj(kind, name, annotations=annotations)


def record(revision: int, chart: str = "istiod", release: str = "istiod", method: str = "") -> MeshObject:
    """As Helm writes it, and as it is after its value has been withheld."""
    labels = {"owner": "helm", "name": release, "version": str(revision), "status": "superseded"}
    name = f"istio-system/sh.helm.release.v1.{release}.v{revision}"
    content = {"chart": {"metadata": {"name": chart, "version": "1.28.3"}}, "apply_method": method}
    held = base64.b64encode(gzip.compress(json.dumps(content).encode()))
    withheld = Values({DIGEST: base64.b64encode(held).decode()})
    return replace(obj("Secret", name, labels=labels, data={"release": DIGEST}), withheld=withheld)


ISTIOD = of_release("Deployment", "istio-system/istiod")
VALIDATOR = of_release("ValidatingWebhookConfiguration", "istio-validator")
GONE = frozenset({ISTIOD.key, VALIDATOR.key})
RECORDS = (record(9), record(10))


def outcome(*others: MeshObject, without: tuple[str, ...] = ()) -> Uninstalled:
    return uninstalled(state(ISTIOD, VALIDATOR, *others, without=without), GONE)


def told(found: Uninstalled) -> tuple[str, str]:
    assert found.records == frozenset()
    (follow_up,) = found.follow_ups
    return follow_up.command, follow_up.why


def test_every_record_of_a_release_goes_with_its_last_object() -> None:
    others = (
        of_release("Deployment", "istio-system/istiod-canary", "istiod-canary"),
        record(1, "istiod", "istiod-canary"),
    )
    assert outcome(*RECORDS, *others) == Uninstalled(frozenset(each.key for each in RECORDS), ())


def test_what_is_left_of_a_release_keeps_its_records_and_is_named() -> None:
    tag = of_release("MutatingWebhookConfiguration", "istio-revision-tag-prod")
    command, why = told(outcome(*RECORDS, tag))
    assert command == FORGET
    assert "else Helm goes on listing release istiod: MutatingWebhookConfiguration istio-revision-tag-prod" in why
    assert "`helm uninstall` would delete them" in why


def test_a_release_of_another_chart_is_more_than_a_control_plane() -> None:
    """The rest of it may be where this tool does not look. What it is now, its newest record says."""
    command, why = told(outcome(record(9), record(10, "platform")))
    assert command == "helm upgrade istiod CHART -n istio-system"
    assert "CHART is its chart platform, without istiod" in why


@pytest.mark.parametrize("without", [(), ("secrets",)])
def test_a_release_whose_records_were_not_read_is_left_to_its_people(without: tuple[str, ...]) -> None:
    unreadable = () if without else (replace(record(1), withheld=Values()),)
    command, why = told(outcome(*unreadable, without=without))
    assert command == "helm status istiod -n istio-system"
    assert "its records were not read" in why


def test_nothing_is_said_where_no_release_loses_anything() -> None:
    assert outcome() == Uninstalled(frozenset(), ()), "rendered by helm, installed by others: there is no record"
    plain = obj("Deployment", "istio-system/istiod")
    assert uninstalled(state(plain, *RECORDS), {plain.key}) == Uninstalled(frozenset(), ())


@pytest.mark.parametrize("value", ["", "%", base64.b64encode(b"x").decode(), base64.b64encode(b"SDRz").decode()])
def test_a_record_that_helm_did_not_write_names_no_chart(value: str) -> None:
    assert read_record(replace(record(1), withheld=Values({DIGEST: value}))) == NO_RECORD
