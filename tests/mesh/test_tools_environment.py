"""The real helm and istioctl in a shell full of variables that lead them elsewhere: they go where we go."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from kubectl_istio_upgrade.adapters.tools.helm import HelmProgram
from kubectl_istio_upgrade.adapters.tools.istioctl import IstioctlProgram
from kubectl_istio_upgrade.adapters.tools.process import Program
from kubectl_istio_upgrade.adapters.tools.reach import Destination, kubeconfig_for, led
from kubectl_istio_upgrade.cli.settings import Settings
from kubectl_istio_upgrade.cli.tools import toolbox
from kubectl_istio_upgrade.errors import ToolError
from kubectl_istio_upgrade.rules.variables import row_of
from tests.controlplane.build import ensure_built, istioctl_path

from .mesh import NEW, OLD, Mesh

pytestmark = pytest.mark.mesh

NAMESPACE = "istio-system"
NOWHERE = "127.0.0.1:1"
"""Nobody listens there."""

HELM = {
    "HELM_KUBECONTEXT": "elsewhere",
    "HELM_KUBEAPISERVER": f"https://{NOWHERE}",
    "HELM_KUBETOKEN": "somebody-else",
    "HELM_KUBECAFILE": "/nowhere/ca.crt",
    "HELM_KUBEASUSER": "nobody",
    "HELM_KUBETLS_SERVER_NAME": "elsewhere.example.com",
}


@pytest.fixture(scope="module")
def helm() -> Path:
    """Before any test has another home, where it would be built anew."""
    return ensure_built("helm")["helm"]


@pytest.fixture(scope="module")
def istioctls() -> dict[str, Path]:
    """The same of either release."""
    return {release: istioctl_path(release) for release in (OLD, NEW)}


@pytest.fixture
def destination(mesh: Mesh, tmp_path: Path) -> Destination:
    """The mesh, by a kubeconfig that has a context for elsewhere, too."""
    document = yaml.safe_load(mesh.plane.kubeconfig.read_text())
    document["clusters"].append({"name": "elsewhere", "cluster": {"server": f"https://{NOWHERE}"}})
    context = {"cluster": "elsewhere", "user": document["contexts"][0]["context"]["user"]}
    document["contexts"].append({"name": "elsewhere", "context": context})
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(document))
    here = document["contexts"][0]["context"]
    return Destination((path,), "testbed", here["cluster"], here["user"], "default")


@pytest.mark.parametrize("name", HELM)
def test_helm_asks_the_cluster_of_the_command_line(
    name: str, helm: Path, destination: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, HELM[name])
    with toolbox(Settings({"helm": helm}), destination, NAMESPACE) as tools:
        with pytest.raises(ToolError, match="release: not found"):
            tools.helm().values("no-such-release", NAMESPACE)
        astray = HelmProgram(Program(helm, tools.environment), "")
        with pytest.raises(ToolError) as caught:
            astray.values("no-such-release", NAMESPACE)
    assert "not found" not in caught.value.message, "the variable would not have led it elsewhere"


def test_helm_believes_no_server_that_the_kubeconfig_does_not(
    helm: Path, destination: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HELM_KUBEINSECURE_SKIP_TLS_VERIFY", "true")
    (path,) = destination.files
    document = yaml.safe_load(path.read_text())
    document["clusters"][0]["cluster"]["tls-server-name"] = "elsewhere.example.com"
    path.write_text(yaml.safe_dump(document))
    with toolbox(Settings({"helm": helm}), destination, NAMESPACE) as tools:
        with pytest.raises(ToolError, match="certificate is valid for"):
            tools.helm().values("no-such-release", NAMESPACE)
        believing = HelmProgram(Program(helm, tools.environment), "")
        with pytest.raises(ToolError, match="release: not found"):
            believing.values("no-such-release", NAMESPACE)


@pytest.fixture(params=["variable", "file", "home"])
def other_istiod(
    istioctls: object, mesh: Mesh, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another istiod is named in each of the places where istioctl reads of one."""
    if request.param == "variable":
        monkeypatch.setenv("ISTIOCTL_XDS_ADDRESS", NOWHERE)
        return
    folder = tmp_path / "home" / ".istioctl"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(f"xds-address: {NOWHERE}\n")
    if request.param == "file":
        monkeypatch.setenv("ISTIOCONFIG", str(folder / "config.yaml"))
    else:
        monkeypatch.setenv("HOME", str(folder.parent))


@pytest.mark.usefixtures("other_istiod")
@pytest.mark.parametrize("release", [OLD, NEW])
def test_istioctl_asks_the_istiod_of_the_mesh(
    release: str, istioctls: dict[str, Path], destination: Destination
) -> None:
    path = istioctls[release]
    with kubeconfig_for(destination) as environment:
        assert IstioctlProgram(led(path, environment), release, NAMESPACE).proxy_status(["default"]) == ()
        unled = {name: value for name, value in environment.items() if name != "ISTIOCONFIG"}
        with pytest.raises(ToolError, match=re.escape(NOWHERE)):
            IstioctlProgram(Program(path, unled), release, NAMESPACE).proxy_status(["default"])


@pytest.fixture
def kubeconfig_at_home(helm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster in `~/.kube/config`, of which a pod's own program knows nothing."""
    folder = tmp_path / ".kube"
    folder.mkdir()
    cluster = {"name": "elsewhere", "cluster": {"server": f"https://{NOWHERE}"}}
    context = {"name": "elsewhere", "context": {"cluster": "elsewhere"}}
    document = {"clusters": [cluster], "contexts": [context], "current-context": "elsewhere"}
    (folder / "config").write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", **document}))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "missing"))


@pytest.mark.usefixtures("kubeconfig_at_home")
def test_in_a_pod_no_kubeconfig_at_home_is_read(helm: Path) -> None:
    with kubeconfig_for(Destination((), "in-cluster", "in-cluster", "in-cluster", "default")) as environment:
        assert NOWHERE not in led(helm, environment).run("list", timeout=20).err
        without = {name: value for name, value in environment.items() if name != "KUBECONFIG"}
        assert NOWHERE in led(helm, without).run("list", timeout=20).err, "it would have been read"


def test_whatever_helm_and_istioctl_read_of_their_own_has_a_row(helm: Path, istioctls: dict[str, Path]) -> None:
    """A release that reads another variable is looked at before it is believed."""
    told = subprocess.run([helm, "--help"], capture_output=True, text=True, check=True).stdout
    listed = subprocess.run([helm, "env"], capture_output=True, text=True, check=True).stdout
    names = {*re.findall(r"\$(HELM_\w+)", told), *re.findall(r"^(HELM_\w+)=", listed, re.MULTILINE)}
    assert "HELM_KUBECONTEXT" in names
    flags = subprocess.run([istioctls[NEW], "x", "config", "list"], capture_output=True, text=True, check=True).stdout
    settable = [line.split()[0] for line in flags.splitlines()[1:]]
    assert "xds-address" in settable
    names |= {f"ISTIOCTL_{flag.upper().replace('-', '_')}" for flag in settable}
    assert {name for name in names if row_of(name) is None} == set()
    assert {name for name in names if row_of(name) == row_of("ISTIOCTL_OF_LATER")} == set(), "each has its own reason"
