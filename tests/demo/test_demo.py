"""`make demo`, as the README has it: all of it once, and stopped by Ctrl-C at two of its moments."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.processes import processes_of, wait_until

from .stage import NEW, OLD

ROOT = Path(__file__).parents[2]
PATIENCE = 900.0
COMMANDS = (
    f"istioctl-{OLD} install -y --set hub=docker.io/istio --set tag={OLD}",
    "kubectl apply -f shop.yaml",
    "kubectl rollout status deployment/reviews -n shop",
    f"kubectl istio-upgrade snapshot --name before -m 'before {NEW}'",
    f"istioctl-{NEW} install -y --set hub=docker.io/istio --set tag={NEW}",
    "kubectl get deployment istiod -n istio-system -o 'jsonpath={..containers[0].image}'",
    "kubectl delete destinationrule reviews -n shop",
    "cat lock-down.yaml",
    "kubectl apply -f lock-down.yaml",
    "kubectl apply --server-side --force-conflicts --field-manager=jane -f canary.yaml",
    "kubectl label namespace shop istio-injection-",
    "kubectl istio-upgrade diff --stat",
    "kubectl istio-upgrade diff --only virtualservice/reviews",
    "kubectl istio-upgrade rollback --yes",
    "kubectl istio-upgrade diff before",
    "kubectl get deployment istiod -n istio-system -o 'jsonpath={..containers[0].image}'",
    "kubectl get destinationrules,authorizationpolicies -n shop -o name",
    "kubectl get namespace shop -o 'jsonpath={.metadata.labels.istio-injection}'",
    "kubectl istio-upgrade history",
)

pytestmark = pytest.mark.mesh


@contextmanager
def demo() -> Iterator[subprocess.Popen[str]]:
    """Started from a shell: a group of processes of its own. Whatever goes wrong, nothing of it goes on."""
    process = subprocess.Popen(
        ["make", "demo"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        with process:
            yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def folder_in(text: str) -> Path:
    """Where it says that everything of it is."""
    (found,) = re.findall(r"Starting a throwaway Kubernetes in (\S+)\.\n", text)
    folder = Path(found)
    assert folder.parent == Path(tempfile.gettempdir())
    return folder


def test_the_whole_story_is_told_and_nothing_is_left() -> None:
    with demo() as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, f"{out}\n{err}"
    assert tuple(line.removeprefix("$ ") for line in out.splitlines() if line.startswith("$ ")) == COMMANDS
    differences, proof = out.partition("\n$ kubectl istio-upgrade rollback --yes\n")[::2]
    assert "jane" in differences, "who wrote the difference"
    assert re.search(r"^proved: \d+ objects identical to snapshot [0-9a-f]{7}$", proof, re.MULTILINE)
    again = proof.partition("\n$ kubectl istio-upgrade diff before\n")[2]
    assert again.startswith("no differences"), again[:200]
    assert re.search(r"^The story took \d+ s\. Cleaning up\.$", proof, re.MULTILINE)
    folder = folder_in(out)
    assert not folder.exists()
    assert processes_of(folder) == []


@pytest.mark.parametrize("moment", ["Starting a throwaway Kubernetes", f"$ istioctl-{OLD} install"])
def test_ctrl_c_leaves_nothing(moment: str) -> None:
    """While the cluster starts, and while a command of somebody else's runs."""
    with demo() as process:
        assert process.stdout
        out = ""
        for line in process.stdout:
            out += line
            if line.startswith(moment):
                break
        folder = folder_in(out)
        wait_until(lambda: len(processes_of(folder)) > 1, 60)
        os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to the whole group
        rest, err = process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
    assert "interrupted; nothing is left behind\n" in err
    assert "Traceback" not in err
    assert "$ kubectl" not in rest
    assert not folder.exists()
    assert processes_of(folder) == []
