"""Moving a mesh from one control plane to another, and removing the one that is left: as states to be reached.

Both are plans like a rollback's, towards a state that never was: the live one with a few objects changed or gone. Pure.
Sources: istioctl/pkg/tag/generate.go (tags), istio.io: setup/upgrade/canary.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from ..errors import RefusedError, UsageError
from ..models.installations import Part
from ..models.objects import Body, Key, MemoryState, MeshObject, clone
from ..models.plans import FollowUp
from ..models.releases import Release
from ..models.snapshots import WorkloadProxy
from ..normalise.inventory import REVISION
from ..rules.helm import NO_RELEASE, release_of
from ..rules.helm import Release as Name
from ..rules.scope import NAMESPACE, is_namespace
from .clients import ISTIOD, Client, clients
from .helm import FORCED
from .injectors import Injectors
from .installation import containers_of, part_of
from .retiring import DEFAULT, TAG, is_istiod, members, revision_of
from .settings.recorded import suffixed
from .uninstalling import uninstalled

INJECTION = "istio-injection"
VALIDATOR = "istiod-default-validator"
"""The validator of configuration that belongs to no revision; it goes with the tag `default`."""


SHOWING_USE = frozenset({
    "pods",
    "namespaces",
    "daemonsets.apps",
    "mutatingwebhookconfigurations.admissionregistration.k8s.io",
    "validatingwebhookconfigurations.admissionregistration.k8s.io",
})  # fmt: skip
"""Types by which one sees who uses a control plane."""


@dataclass(frozen=True)
class Reshaped:
    """A state to be reached, and the objects that differ in it."""

    state: MemoryState
    keys: frozenset[Key]
    follow_ups: tuple[FollowUp, ...] = ()
    """What is left to people then."""


def promoted(live: MemoryState, revision: str, namespaces: Collection[str], tag: str = DEFAULT) -> Reshaped:
    """The mesh with these namespaces, or (without any) the tag, led to another control plane.

    Raises UsageError for a revision or a namespace that is not there, RefusedError where nothing leads to a tag, or
    where another control plane would go on injecting a namespace, because a tag leads there.
    """
    if revision not in revisions(live):
        raise UsageError(f"there is no control plane of revision {revision!r}", hint=_known(live))
    moved = list(_namespaces(live, revision, namespaces) if namespaces else _tag(live, revision, tag))
    shape = _with(live, {obj.key: obj for obj in moved})
    _check_led(shape.state, revision, namespaces)
    return replace(shape, follow_ups=tuple(_helms_own(moved, revision)))


def retired(live: MemoryState, revision: str, proxies: Iterable[WorkloadProxy]) -> Reshaped:
    """The mesh without this control plane.

    Raises UsageError for one that is not there, RefusedError while anything still leads to it, or nothing else is left.
    """
    _check_unused(live, revision, proxies)
    return rest_of(live, revision)


def rest_of(live: MemoryState, revision: str, begun: Collection[Key] = ()) -> Reshaped:
    """The mesh without what is left of a control plane, which has been found unused before.

    `begun` is what an operation that goes on has set out to delete: once istiod itself is gone, not all of it can be
    told by its marks.
    """
    gone = {obj.key for obj in members(live.objects.values(), revision)} | (live.objects.keys() & set(begun))
    helms = uninstalled(live, gone)
    return replace(_with(live, dict.fromkeys(gone | helms.records)), follow_ups=helms.follow_ups)


def _check_unused(live: MemoryState, revision: str, proxies: Iterable[WorkloadProxy]) -> None:
    if unseen := sorted({each.resource for each in live.not_captured} & SHOWING_USE):
        message = f"whether revision {revision!r} is in use cannot be told without {', '.join(unseen)}"
        raise RefusedError(f"{message}; nothing was changed", hint="do not exclude these types")
    others = revisions(live) - {revision}
    if revision not in revisions(live):
        raise UsageError(f"there is no control plane of revision {revision!r}", hint=_known(live))
    if not others:
        raise RefusedError(f"{revision!r} is the only control plane of this mesh; nothing was changed")
    if users := sorted(_users(live, revision, proxies)):
        listed = "\n".join(f"  {user}" for user in users)
        hint = _how_to_leave(live, revision, sorted(others)[0])
        raise RefusedError(f"revision {revision!r} is still in use; nothing was changed:\n{listed}", hint=hint)


def _helms_own(moved: Iterable[MeshObject], revision: str) -> Iterator[FollowUp]:
    for obj in moved:
        if command := _by_helm(obj, revision):
            yield FollowUp(command, f"else the next upgrade of that release leads {VALIDATOR} back")


def _how_to_leave(live: MemoryState, revision: str, to: str) -> str:
    hint = f"`kubectl istio-upgrade promote {to}` first, then `restart` what still runs its proxies"
    helms = [command for obj in live.objects.values() if _serves(obj, revision) and (command := _by_helm(obj, to))]
    lines = [hint, *(f"{VALIDATOR} is led by a value of Helm's: `{command}`" for command in helms)]
    lines += (
        f"{each.obj.key.name} is led by its own template: {_leading(each, live, to)}" for each in _led(live, revision)
    )
    return "\n".join(lines)


def _leading(client: Client, live: MemoryState, to: str) -> str:
    """How a workload is led to another control plane, once that is the mesh's own."""
    planes = (obj for obj in live.objects.values() if is_istiod(obj) and revision_of(obj) == to)
    images = (Release.of_image(str(each.get("image", ""))) for plane in planes for each in containers_of(plane))
    command = f"kubectl istio-upgrade upgrade --to {next(filter(None, images), 'VERSION')}"
    part, release = part_of(client.obj), release_of(client.obj)
    if part is Part.GATEWAY:
        return f"`{command} --revision {to} --with-gateways`"
    if part is None:
        return f"change that to {suffixed(ISTIOD, to)}"
    return f"`{command}`" if release == NO_RELEASE else f"`{_with_value(release, f'revision={_value_of(to)}')}`"


def _by_helm(validator: MeshObject, to: str) -> str:
    """The command that leads the validator of a Helm release to another revision; "" for one that is of no release."""
    release = release_of(validator)
    if validator.key.name != VALIDATOR or release == NO_RELEASE:
        return ""
    return _with_value(release, f"defaultRevision={to}")


def _with_value(release: Name, setting: str) -> str:
    return f"helm upgrade {release.name} CHART -n {release.namespace} --reuse-values --set {setting}{FORCED}"


def _value_of(revision: str) -> str:
    """As charts have it: the control plane without a name is that of no revision."""
    return "" if revision == DEFAULT else revision


def revisions(live: MemoryState) -> frozenset[str]:
    """Of every control plane; `default` for one without a name."""
    return frozenset(revision_of(obj) for obj in live.objects.values() if is_istiod(obj))


def _namespaces(live: MemoryState, revision: str, names: Collection[str]) -> Iterator[MeshObject]:
    for name in sorted(names):
        obj = live.objects.get(Key("", NAMESPACE, "", name))
        if obj is None:
            raise UsageError(f"there is no namespace {name!r}")
        labels = {label: value for label, value in obj.labels.items() if label not in (INJECTION, REVISION)}
        # The older label wins over the revision's, so it has to go (pkg/kube/inject).
        wanted = {**labels, INJECTION: "enabled"} if revision == DEFAULT else {**labels, REVISION: revision}
        yield _with_labels(obj, wanted)


def _check_led(shape: MemoryState, revision: str, names: Collection[str]) -> None:
    """The label of a namespace may lead to a tag of that name, and with it to another control plane."""
    injectors = Injectors(shape)
    for name in sorted(names):
        injector = injectors.of(name, {})
        if injector is not None and (injector.revision or DEFAULT) != revision:
            why = f"{injector.configuration.name} leads to revision {injector.revision!r}"
            message = f"namespace {name!r} would still get its proxies from another control plane, for {why}"
            hint = f"`kubectl istio-upgrade promote {revision}` leads the tag {DEFAULT!r}, and who follows it, there"
            raise RefusedError(f"{message}; nothing was changed", hint=hint)


def _tag(live: MemoryState, revision: str, tag: str) -> Iterator[MeshObject]:
    objects = [obj for obj in live.objects.values() if _leads(obj, tag)]
    if not any(obj.key.plural == "mutatingwebhookconfigurations" for obj in objects):
        hint = "name namespaces with -n, or make the tag with `istioctl tag set`"
        raise RefusedError(f"there is no tag {tag!r} in this mesh; nothing was changed", hint=hint)
    for obj in objects:
        yield _led_to(obj, revision)


def _leads(obj: MeshObject, tag: str) -> bool:
    if obj.labels.get(TAG) == tag:
        return True
    return tag == DEFAULT and obj.key.name == VALIDATOR


def _led_to(obj: MeshObject, revision: str) -> MeshObject:
    """A tag's webhook, validator or service, led to the istiod of another revision."""
    body = clone(_with_labels(obj, {**obj.labels, REVISION: revision}).body)
    for hook in body.get("webhooks") or ():
        service = hook.get("clientConfig", {}).get("service")
        if service:
            service["name"] = suffixed(ISTIOD, revision)
    selector = (body.get("spec") or {}).get("selector")
    if selector and REVISION in selector:
        selector[REVISION] = revision
    return replace(obj, body=body)


def _users(live: MemoryState, revision: str, proxies: Iterable[WorkloadProxy]) -> Iterator[str]:
    for obj in live.objects.values():
        named = obj.labels.get(REVISION) == revision
        if is_namespace(obj.key) and (named or (revision == DEFAULT and _follows_default(obj, live))):
            yield f"namespace {obj.key.name}"
        elif TAG in obj.labels and named:
            yield f"tag {obj.labels[TAG]}"
        elif obj.key.name == VALIDATOR and _serves(obj, revision):
            yield f"{obj.kind} {VALIDATOR}"
    served = [each for each in proxies if revision in each.revisions]
    for each in served:
        yield f"{each.kind} {each.namespace}/{each.name}: {each.pods} pods with its proxy"
    yield from map(str, _led(live, revision, served))


def _led(live: MemoryState, revision: str, served: Iterable[WorkloadProxy] = ()) -> Iterator[Client]:
    """Workloads that the control plane's address is set in; those whose proxies are of it are known by these."""
    known = {(each.kind, each.namespace, each.name) for each in served}
    for client in clients(live, revision):
        if (client.obj.kind, client.obj.key.namespace, client.obj.key.name) not in known:
            yield client


def _follows_default(namespace: MeshObject, live: MemoryState) -> bool:
    """Whether a namespace that asks for injection gets it from the control plane without a name, and not by a tag."""
    tags = (obj for obj in live.objects.values() if obj.labels.get(TAG) == DEFAULT)
    moved = any(obj.labels.get(REVISION, DEFAULT) != DEFAULT for obj in tags)
    return namespace.labels.get(INJECTION) == "enabled" and not moved


def _serves(obj: MeshObject, revision: str) -> bool:
    services = (hook.get("clientConfig", {}).get("service") or {} for hook in obj.body.get("webhooks") or ())
    return any(service.get("name") == suffixed(ISTIOD, revision) for service in services)


def _with_labels(obj: MeshObject, labels: Body) -> MeshObject:
    return replace(obj, body={**obj.body, "metadata": {**obj.body["metadata"], "labels": dict(labels)}})


def _with(live: MemoryState, changed: dict[Key, MeshObject | None]) -> Reshaped:
    objects = {key: obj for key, obj in live.objects.items() if key not in changed}
    objects |= {key: _unversioned(obj) for key, obj in changed.items() if obj is not None}
    return Reshaped(replace(live, label="the new shape", objects=objects), frozenset(changed))


def _unversioned(obj: MeshObject) -> MeshObject:
    """An object that never was: its version would say that it is the live one."""
    return replace(obj, server=replace(obj.server, resource_version=""))


def _known(live: MemoryState) -> str:
    return "there are " + ", ".join(sorted(revisions(live)))
