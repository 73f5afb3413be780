"""Why a workload does not become ready, put together from what the cluster says, without secrets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from kubectl_istio_upgrade.errors import ApiError, ForbiddenError, ToolError
from kubectl_istio_upgrade.models.objects import Body, Key, ResourceType
from kubectl_istio_upgrade.models.tools import Level, ToolMessage
from kubectl_istio_upgrade.operations.explaining import (
    LOG_LINES,
    MOST_EVENTS,
    MOST_FINDINGS,
    MOST_PODS,
    analysed,
    explain,
    redacted,
    what_ails,
)
from kubectl_istio_upgrade.ports import Istioctl, ListQuery

WEB = "deployments.apps shop/web"


def pod(name: str, *statuses: Body, ready: bool = False, **status: Any) -> Body:
    conditions = [{"type": "Ready", "status": str(ready)}]
    return {
        "metadata": {"name": name, "namespace": "shop", "creationTimestamp": name},
        "status": {"containerStatuses": list(statuses), "conditions": conditions, **status},
    }


def waiting(reason: str, message: str = "") -> Body:
    return {"name": "istio-proxy", "ready": False, "state": {"waiting": {"reason": reason, "message": message}}}


def crashed(restarts: int) -> Body:
    state = {"terminated": {"exitCode": 1, "reason": "Error"}}
    return {"name": "web", "ready": False, "restartCount": restarts, "state": state}


def event(reason: str, about: str, time: str, *, kind: str = "Pod", type_: str = "Warning") -> Body:
    return {
        "type": type_,
        "reason": reason,
        "message": f"{reason}\n  happened",
        "lastTimestamp": time,
        "involvedObject": {"kind": kind, "name": about},
    }


@dataclass
class Cluster:
    pods: list[Body] = field(default_factory=list)
    events: list[Body] = field(default_factory=list)
    logs: dict[tuple[str, bool], str | Exception] = field(default_factory=dict)

    def get(self, _type: ResourceType, key: Key) -> Body | None:
        if key.name != "web":
            return None
        return {"metadata": {"name": "web"}, "spec": {"selector": {"matchLabels": {"app": "web"}}}}

    def list_all(self, queries: list[ListQuery], _version: str) -> Iterator[tuple[ListQuery, list[Body]]]:
        for query in queries:
            yield query, self.pods if query.type.plural == "pods" else self.events

    def log(self, _pod: Key, container: str, *, lines: int, previous: bool = False) -> str:
        found = self.logs.get((container, previous), ApiError("waiting to start", status=400))
        if isinstance(found, Exception):
            raise found
        return found


def told(cluster: Cluster, *objects: str) -> list[str]:
    return list(explain(cluster, objects or (WEB,)))  # type: ignore[arg-type]


def test_what_a_container_waits_for() -> None:
    lines = told(Cluster([pod("web-1", waiting("ImagePullBackOff", "no such image")), pod("web-2", ready=True)]))
    assert lines == [f"{WEB}:", "  pod web-1: istio-proxy is waiting: ImagePullBackOff: no such image"]


def test_a_pod_that_was_not_scheduled() -> None:
    unscheduled = pod("web-1")
    unscheduled["status"]["conditions"] = [{"type": "PodScheduled", "status": "False", "message": "no room"}]
    assert told(Cluster([unscheduled]))[1] == "  pod web-1: PodScheduled: no room"


def test_the_last_words_of_a_container_that_crashed_are_those_of_the_run_before() -> None:
    log = "\n".join(f"line {number}" for number in range(30))
    cluster = Cluster([pod("web-1", crashed(restarts=3))], logs={("web", True): log})
    lines = told(cluster)
    assert lines[1] == "  pod web-1: web ended with status 1: Error"
    assert lines[2:] == [f"  web | line {number}" for number in range(30 - LOG_LINES, 30)]


def test_a_log_that_may_not_be_read_is_said_and_one_that_is_not_there_is_not() -> None:
    may_not = Cluster([pod("web-1", crashed(0))], logs={("web", False): ForbiddenError("user x may not get pods/log")})
    assert told(may_not)[2] == "  log of web: user x may not get pods/log"
    assert len(told(Cluster([pod("web-1", waiting("ImagePullBackOff"))]))) == 2


def test_the_newest_warnings_about_the_workload_its_pods_and_its_replica_sets() -> None:
    events = [
        event("Old", "web-1", "2026-11-25T01:00:00Z"),
        event("Normal", "web-1", "2026-11-25T09:00:00Z", type_="Normal"),
        event("Elsewhere", "other-1", "2026-11-25T09:00:00Z"),
        event("FailedCreate", "web-5d4f", "2026-11-25T03:00:00Z", kind="ReplicaSet"),
        *(event(f"New{number}", "web", f"2026-11-25T02:00:0{number}Z", kind="Deployment") for number in range(9)),
    ]
    lines = told(Cluster([pod("web-1", waiting("X"))], events))[2:]
    assert lines[0] == "  FailedCreate: replicaset web-5d4f: FailedCreate happened"
    assert lines[1] == "  New8: deployment web: New8 happened"
    assert len(lines) == MOST_EVENTS


def test_pods_that_fail_alike_are_not_all_told() -> None:
    lines = told(Cluster([pod(f"web-{number}", waiting("X")) for number in range(9)]))
    assert [line.split(":")[0] for line in lines[1:]] == [f"  pod web-{number}" for number in (8, 7, 6)][:MOST_PODS]


def test_what_is_no_workload_or_is_gone_has_nothing_to_tell() -> None:
    assert told(Cluster(), "services shop/web", "deployments.apps shop/gone") == []


def test_what_cannot_be_read_is_said_in_its_place() -> None:
    @dataclass
    class Closed(Cluster):
        def get(self, _type: ResourceType, key: Key) -> Body | None:
            raise ForbiddenError("user x may not get deployments.apps")

    assert told(Closed()) == ["  what ails it could not be read: user x may not get deployments.apps"]


def test_credentials_are_taken_out_of_logs_and_events() -> None:
    token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZG1pbiJ9.c2lnbmF0dXJlLWhlcmU"
    assert token not in redacted(f"refused: token {token} is expired")
    log = f"login with https://admin:hunter2@example.com and {token}"
    cluster = Cluster([pod("web-1", crashed(0))], logs={("web", False): log})
    text = "\n".join(told(cluster))
    assert "login with" in text
    assert "hunter2" not in text
    assert token not in text


def test_what_ails_a_pod_in_a_line() -> None:
    assert what_ails(pod("a", ready=True)) == ""
    assert what_ails(pod("a", waiting("CrashLoopBackOff", "back-off"), crashed(1))) == (
        "istio-proxy is waiting: CrashLoopBackOff: back-off; web ended with status 1: Error"
    )
    running = {"name": "web", "ready": False, "state": {"running": {}}}
    assert what_ails(pod("a", running)) == "web runs and is not ready"


@dataclass(frozen=True)
class Analyst:
    """An istioctl that finds this."""

    messages: tuple[ToolMessage, ...] | ToolError

    def analyze(self, revision: str = "") -> tuple[ToolMessage, ...]:
        assert revision == "canary"
        if isinstance(self.messages, ToolError):
            raise self.messages
        return self.messages


def analysis(*messages: ToolMessage, known: tuple[str, ...] = ()) -> list[str]:
    return list(analysed(cast(Istioctl, Analyst(messages)), "canary", known))


def test_what_istioctl_finds_errors_first_and_what_was_so_before() -> None:
    lost = ToolMessage("IST0101", Level.ERROR, "no such host", "VirtualService shop/web")
    assert analysis(
        ToolMessage("IST0108", Level.WARNING, "unknown annotation"),
        ToolMessage("IST0118", Level.INFO, "a port's name"),
        lost,
        known=("IST0101 (VirtualService shop/web): no such host",),
    ) == [
        "istioctl analyze finds:",
        "  error, as before: IST0101 (VirtualService shop/web): no such host",
        "  warning: IST0108: unknown annotation",
    ]


def test_that_istioctl_finds_nothing_is_said_and_much_is_counted() -> None:
    assert analysis(ToolMessage("IST0118", Level.INFO, "a port's name")) == [
        "istioctl analyze finds neither errors nor warnings"
    ]
    lines = analysis(*(ToolMessage("IST0101", Level.ERROR, str(number)) for number in range(MOST_FINDINGS + 2)))
    assert (len(lines), lines[-1]) == (MOST_FINDINGS + 2, "  and 2 more")


def test_that_istioctl_could_not_be_asked_is_said() -> None:
    failing = Analyst(ToolError("istioctl could not look: forbidden"))
    assert list(analysed(cast(Istioctl, failing), "canary", ())) == [
        "istioctl analyze could not be asked: istioctl could not look: forbidden"
    ]
    assert list(analysed(None, "canary", ())) == ["istioctl analyze was not asked: there is no istioctl at hand"]
