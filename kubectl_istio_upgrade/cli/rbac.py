"""`rbac`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..errors import UsageError
from .options import COMMON, command

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..models.permissions import Grant
    from ..render.roles import Subject
    from .settings import Settings


@command
@click.argument("reference", metavar="[REF]", required=False)
@click.option("--read-only", is_flag=True, help="Only what snapshot, diff and status take.")
@click.option(
    "--for",
    "subjects",
    multiple=True,
    metavar="WHOM",
    help="Bind them, too: user:NAME, group:NAME or serviceaccount:NS:NAME; repeatable.",
)
@click.option(
    "--components-in",
    multiple=True,
    metavar="NS",
    help="Let gateways and CNI be written in these namespaces only; repeatable.  [default: in all]",
)
@click.option("--workloads", is_flag=True, help="Also what restarting workloads takes, in all namespaces.")
@click.option("--workloads-in", multiple=True, metavar="NS", help="The same in these namespaces only; repeatable.")
@click.option(
    "-o", "--output", "format_", type=click.Choice(["yaml", "json"]), default="yaml", help="How to print the roles."
)
@COMMON
def rbac(
    reference: str | None,
    read_only: bool,
    subjects: tuple[str, ...],
    components_in: tuple[str, ...],
    workloads: bool,
    workloads_in: tuple[str, ...],
    format_: str,
) -> None:
    """Print the exact roles for using this tool, to read or to write.

    Each rule with its reason, for the types that the cluster serves; print them anew when a definition was added.
    With REF also for the types of that snapshot: a rollback to it may bring back some that the cluster has no longer.
    Workloads of applications are restarted only by whoever has a role of its own for that: --workloads.

    \b
    Examples:
      kubectl istio-upgrade rbac > roles.yaml
      kubectl istio-upgrade rbac --read-only --for group:dev | kubectl apply -f -
      kubectl istio-upgrade rbac --components-in gateways --for user:jane
      kubectl istio-upgrade rbac --workloads-in shop --for user:jane
      kubectl istio-upgrade rbac friday --for serviceaccount:ci:upgrades
    """
    from ..models.permissions import Use
    from ..render.roles import as_list, as_yaml, role_documents
    from ..render.structured import Format, formatted
    from .settings import Settings

    bound = tuple(_subject(text) for text in subjects)
    settings = Settings.current()
    places = ("",) if workloads and not workloads_in else workloads_in
    found = _grants(settings, reference, components_in, places)
    grants = (grant for grant in found if not read_only or grant.use is Use.READING)
    documents = role_documents(grants, bound)
    settings.out.line(formatted(as_list(documents), Format.JSON) if format_ == Format.JSON else as_yaml(documents))


def _grants(
    settings: Settings, reference: str | None, components_in: tuple[str, ...], workloads_in: tuple[str, ...]
) -> Iterable[Grant]:
    from ..operations.permissions import roles_for
    from ..operations.snapshots import find

    if reference is None:
        with settings.cluster() as reader:
            return roles_for(reader, settings.capture_options, components_in=components_in, workloads_in=workloads_in)
    with settings.session() as session:
        target = find(session, reference)
        return roles_for(session.reader, settings.capture_options, target, components_in, workloads_in)


def _subject(text: str) -> Subject:
    from ..render.roles import Subject

    kind, _, name = text.partition(":")
    namespace, _, account = name.partition(":")
    match kind:
        case "user" if name:
            return Subject("User", name)
        case "group" if name:
            return Subject("Group", name)
        case "serviceaccount" if namespace and account:
            return Subject("ServiceAccount", account, namespace)
    hint = "--for user:NAME, --for group:NAME or --for serviceaccount:NAMESPACE:NAME"
    raise UsageError(f"{text!r} is nobody whom roles can be bound to", hint=hint)
