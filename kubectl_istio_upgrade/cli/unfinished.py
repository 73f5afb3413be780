"""`resume` and `abort`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .options import COMMON, command, output, probing, tooling, unlocking, writing

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..models.operations import Operation
    from ..operations.session import WritingSession
    from ..operations.unfinished import Continuation
    from .settings import Settings
    from .tools import Toolbox


@command
@click.option("-f", "--filename", "files", multiple=True, metavar="FILE", help="An apply's manifests, if asked for.")
@tooling
@unlocking
@writing
@probing
@output("json", "yaml")
@COMMON
def resume(files: tuple[str, ...], dry_run: bool, yes: bool, with_diff: bool, timeout: float, format_: str) -> None:
    """Finish an operation that was cut short, and prove it.

    Reads the mesh again, so it knows which writes have happened even where nothing could say so any more, plans the
    rest of the way to the operation's target, and goes on as the operation would have.

    The manifests of an apply are in its journal, but for the values of Secrets: where there are any, name the same
    files again with -f.

    \b
    Examples:
      kubectl istio-upgrade resume --dry-run
      kubectl istio-upgrade resume
      kubectl istio-upgrade resume -f mesh/ --yes
    """
    from ..operations import unfinished
    from .settings import Settings

    settings = Settings.current()
    documents = settings.documents(files) if files else ()

    def plan(session: WritingSession, operation: Operation, box: Toolbox) -> Continuation:
        from ..operations.upgrading.request import Means
        from .upgrading import tools_of

        request = operation.opening.request
        box = box.going_on(Means.of_data(request.get("means", {})))
        tools = tools_of(box, str(request.get("to", "")))
        return unfinished.resume(session, operation, tools, documents)

    _end(settings, "resume", plan, dry_run=dry_run, yes=yes, with_diff=with_diff, timeout=timeout, format_=format_)


@command
@unlocking
@writing
@probing
@output("json", "yaml")
@COMMON
def abort(dry_run: bool, yes: bool, with_diff: bool, timeout: float, format_: str) -> None:
    """Take an operation back that was cut short, and prove it.

    Returns every object that the operation has set out to write to the state before it, from its safety snapshot; of
    an upgrade, too, what istioctl or helm have written or removed beyond that. What others have changed elsewhere in
    the meantime stays, and the plan of an upgrade's way back names it; so does what they have made before the operation
    could, and the plan of any names it.

    \b
    Examples:
      kubectl istio-upgrade abort --dry-run
      kubectl istio-upgrade abort
    """
    from ..operations import unfinished
    from .settings import Settings

    def plan(session: WritingSession, operation: Operation, _: Toolbox) -> Continuation:
        return unfinished.abort(session, operation)

    settings = Settings.current()
    _end(settings, "abort", plan, dry_run=dry_run, yes=yes, with_diff=with_diff, timeout=timeout, format_=format_)


def _end(
    settings: Settings,
    verb: str,
    plan: Callable[[WritingSession, Operation, Toolbox], Continuation],
    *,
    dry_run: bool,
    yes: bool,
    with_diff: bool,
    timeout: float,
    format_: str,
) -> None:
    from ..operations import unfinished
    from ..render.names import plural
    from ..render.structured import Format
    from .approval import Approval, check_can_confirm

    check_can_confirm(verb, yes=yes, dry_run=dry_run)
    with (
        settings.writing_session(timeout) as session,
        session.store.lock(verb),
        settings.toolbox(session.root_namespace) as box,
    ):
        continuation = plan(session, unfinished.current(session), box)
        if continuation.happened:
            count = plural(continuation.happened, "write")
            settings.progress.note(f"{count} without a recorded outcome: already as planned")
        approval = Approval(settings, session, continuation.title, yes, with_diff)
        finished = None if dry_run else continuation.run(approval.review)
        approval.conclude(continuation.plan, finished, Format(format_))
