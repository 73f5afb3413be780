"""Pods that run, compared with the pod that the API server would create from their template now."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ..canonical import same
from ..models.objects import Body, Json
from ..models.restarts import Currency
from ..normalise.inventory import PROXY, REVISION, STATUS, proxy_image
from ..rules.restarts import AUTOSCALER_MARK, COMPARED, HASH_LABELS, INJECTED, TOKEN_PATH

_KINDS = (("containers", "a container"), ("initContainers", "an init container"))


class Verdict(NamedTuple):
    """What the comparison says."""

    currency: Currency
    reasons: tuple[str, ...] = ()
    proxy: str = ""
    """The image of the proxy that new pods would have; "" for none, and where it is not known."""


def judged(running: Iterable[Body], wanted: Body) -> Verdict:
    """How running pods of one template compare with the pod that would be created now; the first difference counts."""
    found = Verdict(Currency.CURRENT)
    for pod in running:
        found = _judged(pod, wanted)
        if found.currency is not Currency.CURRENT:
            break
    return found._replace(proxy=proxy_image(wanted))


def _judged(pod: Body, wanted: Body) -> Verdict:
    has, should = bool(proxy_image(pod)), bool(proxy_image(wanted))
    if should and not has:
        return Verdict(Currency.MISSING, (f"it has no proxy; new pods would get {proxy_image(wanted)}",))
    if has and not should:
        return Verdict(Currency.STRAY, (f"it runs {proxy_image(pod)}; new pods would get no proxy",))
    reasons = tuple(_differences(pod, wanted))
    return Verdict(Currency.OUT_OF_DATE, reasons) if reasons else Verdict(Currency.CURRENT)


def _differences(pod: Body, wanted: Body) -> Iterator[str]:
    """In the order of importance, the proxy first."""
    names = sorted({*injected(pod), *injected(wanted)}, key=lambda name: (name != PROXY, name))
    autoscaled = any(note.startswith(AUTOSCALER_MARK) for note in wanted["metadata"].get("annotations") or {})
    now, then = _containers(wanted), _containers(pod)
    for name in names:
        yield from _of_container(name, then.get(name), now.get(name), autoscaled=autoscaled)
    if (old := revision(pod)) != (new := revision(wanted)):
        yield f"revision {old or 'none'}, now {new or 'none'}"
    if not same(_spec(pod, "securityContext", {}), _spec(wanted, "securityContext", {})):
        yield "the pod's securityContext"
    if not same(_volumes(pod), _volumes(wanted)):
        yield "injected volumes"


def _of_container(
    name: str, old: tuple[str, Body] | None, new: tuple[str, Body] | None, *, autoscaled: bool
) -> Iterator[str]:
    if old is None or new is None:
        if old != new:
            yield f"{name}: {'new pods have it' if old is None else 'new pods do not have it'}"
        return
    if old[0] != new[0]:
        yield f"{name}: it is {old[0]}, now {new[0]}"
    for row in COMPARED:
        if row.field == "resources" and autoscaled:
            continue
        before, after = _field(old[1], row.field), _field(new[1], row.field)
        if not same(before, after):
            yield f"{name}: {row.what}{_details(row.field, before, after)}"


def _details(field: str, before: Json, after: Json) -> str:
    """Of an image what it is and would be, of variables which; of the rest that it differs is enough."""
    if isinstance(before, str) and isinstance(after, str):
        return f" {before}, now {after}"
    if field != "env":
        return ""
    old, new = ({each["name"]: each for each in side} for side in (before, after))
    names = [name for name in dict.fromkeys((*old, *new)) if not same(old.get(name), new.get(name))]
    return f" {', '.join(names)}" if names else ", in another order"


def _containers(pod: Body) -> dict[str, tuple[str, Body]]:
    return {str(each["name"]): (words, each) for field, words in _KINDS for each in _spec(pod, field, ())}


def injected(pod: Body) -> tuple[str, ...]:
    """Names of the containers that belong to the mesh: as the injector noted them, or known by name."""
    present = _containers(pod)
    status = _status(pod)
    noted = {name for field, _ in _KINDS for name in status.get(field) or ()}
    return tuple(name for name in present if name in noted or name in INJECTED)


def revision(pod: Body) -> str:
    """The revision that injected the pod; "" where none did."""
    annotations = pod["metadata"].get("annotations") or {}
    return str(_status(pod).get("revision") or annotations.get(REVISION) or "")


def _status(pod: Body) -> Body:
    value = _decoded((pod["metadata"].get("annotations") or {}).get(STATUS, ""))
    return value if isinstance(value, dict) else {}


def _field(container: Body, name: str) -> Json:
    value = container.get(name)
    if name == "volumeMounts":
        return [mount for mount in value or () if mount.get("mountPath") != TOKEN_PATH]
    if name == "env":
        # A list of JSON values: how they are spaced is up to the program that wrote them.
        return [{**each, "value": _decoded(each["value"])} if "value" in each else each for each in value or ()]
    return {} if value is None and name in ("securityContext", "resources") else value


def _volumes(pod: Body) -> list[Body]:
    names = set(_status(pod).get("volumes") or ())
    return [volume for volume in _spec(pod, "volumes", ()) if volume.get("name") in names]


def _spec(pod: Body, name: str, default: Any) -> Any:
    return (pod.get("spec") or {}).get(name) or default


def _decoded(text: object) -> Json:
    """JSON as what it means; any other text as it is."""
    if not isinstance(text, str) or not text.startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def same_pod(pod: Body) -> Body:
    """What it would take to create a pod once more, of which nothing has the template."""
    metadata = pod["metadata"]
    made = {"generateName": f"{metadata['name']}-", "namespace": metadata["namespace"], "labels": {}, "annotations": {}}
    made |= {name: metadata[name] for name in ("labels", "annotations") if metadata.get(name)}
    spec = {name: value for name, value in pod["spec"].items() if name != "nodeName"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": made, "spec": spec}


def next_pod(workload: Body, pod: Body) -> Body:
    """What a workload's controller would send to create a pod like this one from its present template.

    The labels and the owner that the controller adds are taken from the running pod: the injector looks at them. Of a
    StatefulSet's claims the volumes are added, as its controller does.
    """
    spec = workload["spec"]
    template, metadata = spec["template"], pod["metadata"]
    labels = {name: metadata["labels"][name] for name in HASH_LABELS if name in (metadata.get("labels") or {})}
    owners = [
        {name: value for name, value in owner.items() if name != "blockOwnerDeletion"}
        for owner in metadata.get("ownerReferences") or ()
    ]
    given = template.get("metadata") or {}
    made: Body = {
        "generateName": metadata.get("generateName") or f"{workload['metadata']['name']}-",
        "namespace": workload["metadata"]["namespace"],
        "labels": {**(given.get("labels") or {}), **labels},
        "annotations": {**(given.get("annotations") or {})},
        "ownerReferences": owners,
    }
    claims = [claim["metadata"]["name"] for claim in spec.get("volumeClaimTemplates") or ()]
    volumes = [
        *(template["spec"].get("volumes") or ()),
        *({"name": name, "persistentVolumeClaim": {"claimName": f"{name}-new"}} for name in claims),
    ]
    pod_spec = {**template["spec"], **({"volumes": volumes} if volumes else {})}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": made, "spec": pod_spec}
