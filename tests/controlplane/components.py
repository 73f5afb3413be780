"""What the test bed is built from: one table, with the reason for every flag."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

GO_FOLDER = Path(__file__).with_name("go")
OLDEST_GO = (1, 26)
KUBERNETES_VERSION = "1.34.4"
RELEASES = ("1.28.3", "1.29.1")
"""Istio releases that can be built and run here; any other tag stands for an image that cannot be pulled."""


@dataclass(frozen=True)
class Files:
    """Files of a module that are wanted beside its programs."""

    module: str
    paths: tuple[str, ...]
    folder: str
    """Where they go, below the group's folder in the cache."""


@dataclass(frozen=True)
class Group:
    """Programs that share a go.mod and are built together, because they share most of their packages."""

    name: str
    packages: tuple[str, ...]
    """In the order of `binaries`."""
    binaries: tuple[str, ...]
    """Component names; the go command names the file after the package, which may differ."""
    minutes: float
    """A cold build on two cores, as a hint to whoever waits."""
    variables: tuple[str, ...] = ()
    """Linker variables: without them Kubernetes reports v0.0.0 and Istio "unknown"."""
    from_assets: bool = False
    """Whether KUBEBUILDER_ASSETS may hold these programs."""
    files: Files | None = None

    @property
    def folder(self) -> Path:
        """Where go.mod and go.sum are."""
        return GO_FOLDER / self.name

    @property
    def flags(self) -> tuple[str, ...]:
        """Flags of `go build`; symbols are left out because linking is a good part of every build."""
        linker = " ".join(("-s", "-w", *(f"-X {variable}" for variable in self.variables)))
        return ("-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", linker)


def _kubernetes() -> Group:
    programs = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
    package = "k8s.io/component-base/version"
    major, minor, _ = KUBERNETES_VERSION.split(".")
    return Group(
        name="kubernetes",
        packages=tuple(f"k8s.io/kubernetes/cmd/{program}" for program in programs),
        binaries=programs,
        minutes=6,
        variables=(
            f"{package}.gitVersion=v{KUBERNETES_VERSION}",
            f"{package}.gitMajor={major}",
            f"{package}.gitMinor={minor}",
        ),
        from_assets=True,
    )


def _istio(version: str) -> Group:
    return Group(
        name=f"istio-{version}",
        packages=("istio.io/istio/istioctl/cmd/istioctl", "istio.io/istio/pilot/cmd/pilot-discovery"),
        binaries=(f"istioctl-{version}", f"pilot-discovery-{version}"),
        minutes=6,
        variables=_istio_version(version),
    )


def _agent(version: str) -> Group:
    return Group(
        name=f"agent-{version}",
        packages=("istio.io/istio/pilot/cmd/pilot-agent",),
        binaries=(f"pilot-agent-{version}",),
        minutes=1,
        variables=_istio_version(version),
        files=Files("istio.io/istio", ("tools/packaging/common/envoy_bootstrap.json",), "templates"),
    )


def _istio_version(version: str) -> tuple[str, ...]:
    package = "istio.io/istio/pkg/version"
    return (f"{package}.buildVersion={version}", f"{package}.buildTag={version}", f"{package}.buildStatus=Clean")


STAGES = Files(
    "sigs.k8s.io/kwok",
    tuple(
        f"kustomize/stage/{stage}.yaml"
        for stage in (
            "node/fast/node-initialize",
            "node/heartbeat/node-heartbeat",
            "pod/fast/pod-ready",
            "pod/fast/pod-complete",
            "pod/fast/pod-delete",
        )
    ),
    "stages",
)
"""kwok's own rules for what nodes and pods do; kwok has none built in."""

GROUPS: tuple[Group, ...] = (
    Group("etcd", ("go.etcd.io/etcd/server/v3",), ("etcd",), minutes=1, from_assets=True),
    _kubernetes(),
    Group("kwok", ("sigs.k8s.io/kwok/cmd/kwok",), ("kwok",), minutes=2, files=STAGES),
    *(_istio(version) for version in RELEASES),
    *(_agent(version) for version in RELEASES),
    Group(
        "helm",
        ("helm.sh/helm/v4/cmd/helm",),
        ("helm",),
        minutes=4,
        variables=("helm.sh/helm/v4/internal/version.version=v4.3.1",),
    ),
    Group(
        "krew",
        ("sigs.k8s.io/krew/cmd/krew", "sigs.k8s.io/krew/cmd/validate-krew-manifest"),
        ("krew", "validate-krew-manifest"),
        minutes=0.5,
    ),
)


def group_of(component: str) -> Group | None:
    """The group that builds this component, or None for an unknown name."""
    return next((group for group in GROUPS if component in group.binaries), None)


def expand(name: str) -> tuple[str, ...]:
    """Component names for a component or a group name; empty for an unknown one."""
    if group_of(name):
        return (name,)
    return next((group.binaries for group in GROUPS if group.name == name), ())
