"""Which variables of the user's shell reach istioctl and helm, in one table, each with its reason.

Both read variables that lead them to another cluster, or to another istiod, than the command line does. What no row
names is passed on: proxies, folders and credentials of the user's own are as good for them as for us.
Sources: helm/helm, pkg/cli/environment.go and pkg/cmd/root.go (`helm env` lists them); istio/istio,
istioctl/pkg/config/config.go (`istioctl x config list`); kubernetes/client-go, tools/clientcmd.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable, or several whose names fit."""

    pattern: str
    passed_on: bool
    why: str


VARIABLES = (
    Variable("KUBECONFIG", False, "ours names the cluster and the user of this command line, also within a pod"),
    Variable("KUBERNETES_MASTER", False, "client-go's server for a cluster without one: nobody has asked for it"),
    Variable("HELM_KUBE*", False, "context, server, token, user and certificate: each beats the kubeconfig's"),
    Variable("HELM_NAMESPACE", False, "every call names the namespace of its release"),
    Variable("HELM_DEBUG", False, "prints more than an answer, which is read"),
    Variable("HELM_DRIVER*", True, "where helm keeps its records; any place but Secrets is refused, see RECORDS"),
    Variable("HELM_*_HOME", True, "the user's repositories, caches and credentials for registries"),
    Variable("HELM_RE*", True, "the same, one by one: registry and repositories"),
    Variable("HELM_CONTENT_CACHE", True, "the same"),
    Variable("HELM_PLUGINS", True, "plugins may be what fetches the user's charts"),
    Variable("HELM_NO_PLUGINS", True, "or not wanted at all"),
    Variable("HELM_COLOR", True, "NO_COLOR, which is set, counts before it"),
    Variable("HELM_MAX_HISTORY", True, "how many records a release keeps is the user's choice"),
    Variable("HELM_BURST_LIMIT", True, "how fast, not where"),
    Variable("HELM_QPS", True, "how fast, not where"),
    Variable("HELM_BIN", True, "told to plugins, not read"),
    Variable("ISTIOCONFIG", False, "its file may say all that the next rows do; ours says nothing"),
    Variable("ISTIOCTL_XDS_ADDRESS", False, "another istiod would tell of its proxies instead of this mesh's"),
    Variable("ISTIOCTL_ISTIONAMESPACE", False, "the root namespace is that of this command line"),
    Variable("ISTIOCTL_PREFER_EXPERIMENTAL", False, "other commands under the same names, with other answers"),
    Variable("ISTIOCTL_XDS_PORT", True, "the port of this mesh's own istiod, reached through the API server"),
    Variable("ISTIOCTL_CERT_DIR", True, "what this mesh's own istiod is shown; another's it would not open"),
    Variable("ISTIOCTL_AUTHORITY", True, "means nothing without an address"),
    Variable("ISTIOCTL_INSECURE", True, "means nothing without an address"),
    Variable("ISTIOCTL_PLAINTEXT", True, "means nothing without an address"),
    Variable("ISTIOCTL_*", False, "whatever a later istioctl takes from there"),
)
"""The first row that fits counts."""

DRIVER = "HELM_DRIVER"

RECORDS = frozenset({"", "secret", "secrets"})
"""Values of `HELM_DRIVER` with which Helm's records are Secrets (helm/helm, pkg/action/action.go, Init).

Only those are known here: a snapshot has them, a record that a killed helm left behind is found, and a plan says what
becomes of them. A database is in no snapshot at all.
"""


def row_of(name: str) -> Variable | None:
    """The row that decides on a variable; None where none does."""
    return next((row for row in VARIABLES if fnmatchcase(name, row.pattern)), None)


def passed_on(name: str) -> bool:
    """Whether istioctl and helm get this variable of ours."""
    row = row_of(name)
    return row is None or row.passed_on
