"""What leads programs of others to the cluster of the command line, and nothing else does."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest

from kubectl_istio_upgrade.adapters.tools.reach import CONTEXT, Destination, kubeconfig_for, led
from kubectl_istio_upgrade.adapters.yamlio import load
from kubectl_istio_upgrade.cli.settings import Settings
from kubectl_istio_upgrade.cli.tools import toolbox
from kubectl_istio_upgrade.errors import ToolError

POD = Destination((), "in-cluster", "in-cluster", "in-cluster", "default")


def test_the_choice_of_cluster_and_user_is_put_before_the_users_files(tmp_path: Path) -> None:
    theirs = (tmp_path / "one", tmp_path / "two")
    with kubeconfig_for(Destination(theirs, "c", "the cluster", "the user", "here")) as environment:
        first, *rest = environment["KUBECONFIG"].split(os.pathsep)
        assert rest == [str(path) for path in theirs]
        pointer = json.loads(Path(first).read_text())
        assert pointer["current-context"] == CONTEXT
        context = {"cluster": "the cluster", "user": "the user", "namespace": "here"}
        assert pointer["contexts"] == [{"name": CONTEXT, "context": context}]
        assert {"clusters", "users"}.isdisjoint(pointer), "no credential is copied"
        assert Path(first).parent.stat().st_mode & 0o077 == 0
    assert not Path(first).exists()


def test_what_leads_programs_is_made_for_the_first_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    there = Destination((tmp_path / "config",), "c", "the cluster", "the user", "here")
    with toolbox(Settings({}), there, "istio-system") as tools:
        assert not list(tmp_path.iterdir()), "a command that is killed and has started none leaves nothing behind"
        assert Path(tools.environment["KUBECONFIG"].split(os.pathsep)[0]).exists()
    assert not list(tmp_path.iterdir())


def test_in_a_pod_an_empty_kubeconfig_keeps_them_from_looking_for_another() -> None:
    with kubeconfig_for(POD) as environment:
        assert load(Path(environment["KUBECONFIG"]).read_text()) == {"apiVersion": "v1", "kind": "Config"}


@pytest.mark.parametrize("destination", [POD, Destination((Path("config"),), "c", "k", "u", "n")])
def test_istioctl_gets_a_configuration_that_says_nothing(destination: Destination) -> None:
    with kubeconfig_for(destination) as environment:
        assert load(Path(environment["ISTIOCONFIG"]).read_text()) == {}


def test_a_program_gets_our_environment_but_for_what_would_lead_it_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS", "kept")
    monkeypatch.setenv("HELM_KUBECONTEXT", "prod")
    monkeypatch.setenv("KUBECONFIG", "mine")
    script = 'echo "$OURS ${HELM_KUBECONTEXT-unset} ${KUBECONFIG-unset} $HELM_KUBEASUSER"'
    assert led(Path("/bin/sh"), {}).run("-c", script, timeout=10).out == "kept unset unset \n"
    environment = {"HELM_KUBEASUSER": "jane", "KUBECONFIG": "ours"}
    assert led(Path("/bin/sh"), environment).run("-c", script, timeout=10).out == "kept unset ours jane\n"


def test_whom_to_impersonate_in_each_programs_own_words() -> None:
    somebody = Destination((), "c", "k", "u", "n", "jane", ("dev", "ops"), "42")
    assert somebody.istioctl_flags == ("--as=jane", "--as-uid=42", "--as-group=dev", "--as-group=ops")
    assert somebody.helm_variables == {"HELM_KUBEASUSER": "jane", "HELM_KUBEASGROUPS": "dev,ops"}
    nobody = Destination((), "c", "k", "u", "n")
    assert (nobody.istioctl_flags, nobody.helm_variables) == ((), {})


@pytest.mark.parametrize("driver", ["configmap", "sql", "memory", "nonsense"])
def test_records_that_are_no_secrets_are_refused_before_helm_is_looked_for(
    driver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HELM_DRIVER", driver)
    with toolbox(Settings({}), POD, "istio-system") as tools, pytest.raises(ToolError, match=driver) as caught:
        tools.helm()
    assert "unset HELM_DRIVER" in str(caught.value.hint)


@pytest.mark.parametrize("driver", ["", "secret", "secrets"])
def test_records_that_are_secrets_are_what_is_expected(
    driver: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helm = tmp_path / "helm"
    helm.write_text("#!/bin/sh\necho v4.3.1\n")
    helm.chmod(0o755)
    monkeypatch.setenv("HELM_DRIVER", driver)
    with toolbox(Settings({"helm": helm}), POD, "istio-system") as tools:
        assert tools.helm().version == "4.3.1"
