"""Which variables of the shell reach istioctl and helm."""

from __future__ import annotations

import pytest

from kubectl_istio_upgrade.rules.variables import DRIVER, VARIABLES, passed_on, row_of


@pytest.mark.parametrize(
    "name",
    [
        "KUBECONFIG",
        "KUBERNETES_MASTER",
        "HELM_KUBECONTEXT",
        "HELM_KUBEAPISERVER",
        "HELM_KUBETOKEN",
        "HELM_KUBECAFILE",
        "HELM_KUBEASUSER",
        "HELM_KUBEASGROUPS",
        "HELM_KUBEINSECURE_SKIP_TLS_VERIFY",
        "HELM_KUBETLS_SERVER_NAME",
        "HELM_NAMESPACE",
        "HELM_DEBUG",
        "ISTIOCONFIG",
        "ISTIOCTL_XDS_ADDRESS",
        "ISTIOCTL_ISTIONAMESPACE",
        "ISTIOCTL_PREFER_EXPERIMENTAL",
        "ISTIOCTL_SOMETHING_OF_TOMORROW",
    ],
)
def test_what_leads_elsewhere_is_not_passed_on(name: str) -> None:
    assert not passed_on(name)


@pytest.mark.parametrize(
    "name",
    [
        DRIVER,
        "HELM_CACHE_HOME",
        "HELM_REGISTRY_CONFIG",
        "HELM_REPOSITORY_CACHE",
        "HELM_PLUGINS",
        "HELM_MAX_HISTORY",
        "ISTIOCTL_XDS_PORT",
        "ISTIOCTL_CERT_DIR",
        "ISTIOCTL",
        "HELM",
        "HTTPS_PROXY",
        "NO_PROXY",
        "HOME",
        "AWS_PROFILE",
        "KUBERNETES_SERVICE_HOST",
    ],
)
def test_what_is_the_users_own_is_passed_on(name: str) -> None:
    assert passed_on(name)


def test_every_row_decides_on_something_and_says_why() -> None:
    for row in VARIABLES:
        name = row.pattern.replace("*", "X")
        assert row_of(name) == row, "a row before it takes all that it is for"
        assert row.why
