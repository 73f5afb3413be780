"""What stands in the way already: whoever is at work, webhooks that do not answer, permissions that are missing."""

from __future__ import annotations

from collections.abc import Iterator

from ...models.findings import About, Finding, Severity, Skipped, Unknown
from ...models.permissions import Permission
from ...models.webhooks import DeadWebhook
from ...normalise.hidden import hidden_fields
from ...rules.matching import has_any_label, types
from ...rules.permissions import BIND, ESCALATE
from ...rules.scope import CUSTOM_RESOURCES
from .case import Case, found

MULTICLUSTER = ("istio/multiCluster=true",)
SECRETS = types("secrets")

ASK_FOR_ROLES = "`kubectl istio-upgrade rbac` prints the roles that grant what is needed"


def at_work(case: Case) -> Iterator[Finding | Skipped]:
    """An operation that has not ended, and somebody who is changing the mesh now."""
    if case.evidence.unfinished:
        do = "`kubectl istio-upgrade resume` finishes it, `kubectl istio-upgrade abort` takes it back"
        yield found("unfinished-operation", case.evidence.unfinished, do)
    if case.evidence.locked:
        yield found("locked", f"{case.evidence.locked} is changing the mesh", "wait for its end")


def webhooks(case: Case) -> Iterator[Finding | Skipped]:
    """Webhooks of the mesh that do not answer; those that fail closed refuse what an upgrade writes or starts."""
    for dead in case.evidence.dead:
        follows = "what it guards is refused" if dead.fails_closed else "what it guards passes unchecked"
        do = "bring its service back first; `kubectl istio-upgrade rollback --dry-run` says how this tool would"
        severity = None if dead.fails_closed else Severity.WARNING
        what = f"{dead.webhook}: {dead.why}, so {follows}"
        yield found("webhook-dead", what, do, (_configuration(dead),), severity=severity)


def _configuration(dead: DeadWebhook) -> About:
    mutating = dead.configuration.plural.startswith("mutating")
    kind = "MutatingWebhookConfiguration" if mutating else "ValidatingWebhookConfiguration"
    return About(kind, "", dead.configuration.name)


def hidden(case: Case) -> Iterator[Finding | Skipped]:
    """Custom resources with fields that no read shows, because their definition does not know them."""
    for obj in case.objects(CUSTOM_RESOURCES):
        if fields := hidden_fields(obj):
            what = (
                f"its definition does not know {', '.join(fields)}: the next write drops them, and no snapshot has them"
            )
            yield found("hidden-fields", what, "bring back the newer definition, or write the object anew", (obj,))


def permissions(case: Case) -> Iterator[Finding | Skipped]:
    """What the upgrade takes and we lack, by the server's own word."""
    missing = case.evidence.missing
    if isinstance(missing, Unknown):
        yield Skipped("permissions", missing.why)
        return
    granting = [each for each in missing if each.verb in (ESCALATE, BIND)]
    others = [each for each in missing if each not in granting]
    if others:
        count = "a permission is" if len(others) == 1 else f"{len(others)} permissions are"
        yield found("permission-missing", f"{count} missing", ASK_FOR_ROLES, map(_permission, others))
    if granting and not others:
        what = "you may neither escalate nor bind: you must hold all that Istio's roles grant, or they are refused"
        yield found("may-not-grant", what, ASK_FOR_ROLES, map(_permission, granting))


def _permission(permission: Permission) -> About:
    return About("", "", str(permission))


def clusters(case: Case) -> Iterator[Finding | Skipped]:
    """Other clusters of the mesh, whose control planes and proxies are not seen from here."""
    remote = [obj for obj in case.objects(SECRETS) if has_any_label(obj, MULTICLUSTER)]
    if remote:
        what = "this mesh spans other clusters: their versions, proxies and CA are not looked at here"
        yield found("multicluster", what, "assess each of them; upgrade one after the other", remote)
