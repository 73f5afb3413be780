"""What istioctl prints, read: as 1.28.3 and 1.29.1 print it, their log before it on stdout included."""

from __future__ import annotations

import json

import pytest

from kubectl_istio_upgrade.adapters.tools import answers
from kubectl_istio_upgrade.adapters.tools.process import Ran
from kubectl_istio_upgrade.errors import ToolError
from kubectl_istio_upgrade.models.tools import ControlPlaneVersion, Level, ProxyStatus, ToolMessage

LOG = (
    "2026-11-25T04:48:43.568164Z\terror\tkube\ttranslation function for core/v1alpha1/MeshNetworks not found\t"
    "controller=analysis-controller\n"
)
CLIENT = {"version": "1.29.1", "revision": "unknown", "status": "Clean", "tag": "1.29.1"}
MESSAGE = {
    "code": "IST0101",
    "level": "Error",
    "message": "Referenced host not found: nowhere",
    "origin": "VirtualService shop/web",
    "documentationUrl": "https://istio.io/v1.29/docs/reference/config/analysis/ist0101/",
}
TABLE = """\
NAME             CLUSTER      CDS          ECDS        EDS         LDS         RDS         ISTIOD     VERSION
web-1.shop       Kubernetes   SYNCED (2s)  IGNORED     STALE       SYNCED      NOT SENT    istiod-1   1.28.3
web-2.shop                    ERROR (1m)   IGNORED     SYNCED      SYNCED      SYNCED      istiod-1   1.29.1
test-1.default   K8s          IGNORED      IGNORED     IGNORED     IGNORED     IGNORED     istiod-1   65536.65536.65536
"""


def ran(out: object = "", err: str = "", code: int = 0) -> Ran:
    return Ran(code, out if isinstance(out, str) else json.dumps(out, indent=2), err)


def test_versions_of_everybody_but_istioctl_itself() -> None:
    plane = {"Component": "pilot", "Revision": "default", "Info": {**CLIENT, "version": "1.28.3"}}
    proxies = [
        {"ID": "web.shop", "IstioVersion": "1.28.3", "Type": "sidecar"},
        {"ID": "test-1.default", "IstioVersion": "65536.65536.65536", "Type": "sidecar"},
    ]
    found = answers.versions(ran({"clientVersion": CLIENT, "meshVersion": [plane], "dataPlaneVersion": proxies}))
    assert found.client == "1.29.1"
    assert found.control_plane == (ControlPlaneVersion("pilot", "default", "1.28.3"),)
    assert found.proxies == {"web.shop": "1.28.3"}


def test_what_could_not_be_reached_is_left_out() -> None:
    found = answers.versions(ran({"clientVersion": CLIENT}, err="Istio is not present in the cluster"))
    assert (found.client, found.control_plane, found.proxies) == ("1.29.1", (), {})
    assert found.unreached == "Istio is not present in the cluster"


def test_the_log_before_the_answer_is_passed_over() -> None:
    text = LOG + LOG + json.dumps([MESSAGE], indent=1)
    assert answers.messages(ran(text)) == (
        ToolMessage("IST0101", Level.ERROR, MESSAGE["message"], MESSAGE["origin"], MESSAGE["documentationUrl"]),
    )


@pytest.mark.parametrize("out", ["", "[]", "null", LOG, f"{LOG}[]"])
def test_nothing_found_is_no_message(out: str) -> None:
    assert answers.messages(ran(out, err="✔ No issues found")) == ()


def test_messages_count_whatever_the_exit_code() -> None:
    assert len(answers.messages(ran([MESSAGE], err="Error: Issues found", code=1))) == 1


@pytest.mark.parametrize(
    ("failed", "words"),
    [
        (ran(err="Error: failed to get the Kubernetes version: connection refused\n", code=1), "connection refused"),
        (ran(code=1), "status 1"),
        (ran("Error: something else", code=1), "something else"),
    ],
)
def test_a_check_that_could_not_look_is_not_taken_for_a_clean_one(failed: Ran, words: str) -> None:
    with pytest.raises(ToolError, match=words):
        answers.messages(failed)


def test_the_table_of_proxies_is_read_by_its_columns() -> None:
    assert answers.proxies(ran(LOG + TABLE)) == (
        ProxyStatus("web-1.shop", "istiod-1", "1.28.3", ("EDS", "RDS")),
        ProxyStatus("web-2.shop", "istiod-1", "1.29.1", ("CDS",)),
    )


def test_before_1_23_what_a_proxy_does_not_subscribe_to_is_called_not_sent_too() -> None:
    (first, _) = answers.proxies(ran(TABLE.replace("1.28.3", "1.22.8")))
    assert first.stale == ("EDS",)
    (first, _) = answers.proxies(ran(TABLE.replace("1.28.3", "1.22.8").replace("SYNCED", "NOT SENT")))
    assert {"CDS", "LDS"} <= set(first.stale)


def test_a_table_without_rows_has_no_proxies() -> None:
    assert answers.proxies(ran("NAME     CLUSTER     ISTIOD     VERSION     SUBSCRIBED TYPES\n")) == ()


@pytest.mark.parametrize(
    ("failed", "words"),
    [
        (ran(err='Error: no running Istio pods in "nowhere"', code=1), 'no running Istio pods in "nowhere"'),
        (ran("gibberish"), "gibberish"),
        (ran(), "did not answer with a table"),
    ],
)
def test_no_table_is_an_error(failed: Ran, words: str) -> None:
    with pytest.raises(ToolError, match=words):
        answers.proxies(failed)
