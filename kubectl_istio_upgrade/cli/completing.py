"""`__complete`: what a TAB is answered with, by kubectl's protocol.

The answers are from the kubeconfig and the store; no cluster is asked. Only what is needed for the answer is imported,
and whatever goes wrong is an answer without suggestions: a person who presses TAB wants no error message in the middle
of a line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem, ShellComplete

if TYPE_CHECKING:
    from ..adapters.store.glance import Glance, Seen
    from ..models.objects import ResourceType

Item = CompletionItem[str]

NO_FILES, DIRECTORIES, KEEP_ORDER = 4, 16, 32
"""Directives of cobra, kubectl's library: they are added up (github.com/spf13/cobra, completions.go)."""

_DESCRIPTION = 72
"""Columns; a shell cuts longer ones itself, and badly."""


@dataclass(frozen=True)
class Known:
    """What there is to suggest; looked up when asked for."""

    flags: Mapping[str, Any]
    """The shared options on the line so far."""

    @cached_property
    def kubeconfig(self) -> Any:
        """The names in it."""
        from ..adapters.kube.contexts import names

        return names(self.flags.get("kubeconfig", ""))

    @cached_property
    def store(self) -> Glance:
        """The store, from its surface."""
        from ..adapters.configuration import configure
        from ..adapters.store.glance import Glance

        explicit = bool(self.flags.get("context") or self.flags.get("kubeconfig"))
        context = self.flags.get("context", "")
        path = configure(self.flags).values["store"]
        return Glance(path, lambda: context or self.kubeconfig.current, explicit=explicit)


def references(known: Known, _incomplete: str) -> Iterator[Item]:
    """`latest`, then snapshots by their names or their commits, newest first, with their dates."""
    for number, seen in enumerate(known.store.snapshots):
        about = _about(seen)
        if number == 0:
            yield Item("latest", help=about, ordered=True)
        for name in seen.names or (seen.commit[:7],):
            yield Item(name, help=about, ordered=True)


def sides(known: Known, incomplete: str) -> Iterator[Item]:
    """What can be compared."""
    yield Item("live", help="the mesh as it is now")
    yield from references(known, incomplete)


def selectors(known: Known, incomplete: str) -> Iterator[Item]:
    """KIND, and once there is a slash KIND/NAME."""
    kind, slash, _ = incomplete.partition("/")
    if slash:
        yield from _named(known, kind)
        return
    shared = _shared_kinds(known.store.types)
    for type_ in known.store.types:
        word = type_.kind.lower()
        yield Item(f"{word}.{type_.group}" if word in shared and type_.group else word, help=type_.api_version)


def namespaces(known: Known, _incomplete: str) -> Iterator[Item]:
    """Of the newest snapshot."""
    for name in sorted(known.store.namespaces):
        yield Item(name)


def workloads(known: Known, incomplete: str) -> Iterator[Item]:
    """The words that stand for many workloads, and of the selectors those by namespace."""
    yield Item("none", help="no workload, only parts of the installation")
    yield Item("plan", help="show it, and restart nothing")
    yield Item("all", help="also what is up to date")
    for namespace in namespaces(known, incomplete):
        yield Item(f"namespace/{namespace.value}")


def types(known: Known, _incomplete: str) -> Iterator[Item]:
    """`plural.group`, as the newest snapshot has read them."""
    for type_ in known.store.types:
        yield Item(type_.resource, help=type_.kind)


def definitions(known: Known, _incomplete: str) -> Iterator[Item]:
    """CRDs of the newest snapshot."""
    for type_ in _of_kind(known, "customresourcedefinition"):
        for _, name in known.store.objects(type_):
            yield Item(name)


def secrets(known: Known, _incomplete: str) -> Iterator[Item]:
    """NS/NAME of the newest snapshot's Secrets."""
    for type_ in _of_kind(known, "secret"):
        for namespace, name in known.store.objects(type_):
            yield Item(f"{namespace}/{name}")


def files(_known: Known, incomplete: str) -> Iterator[Item]:
    """The shell knows them best."""
    yield Item(incomplete, type="file")


def folders(_known: Known, incomplete: str) -> Iterator[Item]:
    """The shell knows them best."""
    yield Item(incomplete, type="dir")


def contexts(known: Known, _incomplete: str) -> Iterator[Item]:
    """Of the kubeconfig."""
    for name in known.kubeconfig.contexts:
        yield Item(name, help="current" if name == known.kubeconfig.current else None)


def clusters(known: Known, _incomplete: str) -> Iterator[Item]:
    """Of the kubeconfig."""
    yield from map(Item, known.kubeconfig.clusters)


def users(known: Known, _incomplete: str) -> Iterator[Item]:
    """Of the kubeconfig."""
    yield from map(Item, known.kubeconfig.users)


Completer = Callable[[Known, str], Iterable[Item]]

BY_PARAMETER: Mapping[str, Completer] = {
    "context": contexts,
    "cluster": clusters,
    "user": users,
    "force_crds": definitions,
    "restore_crd": definitions,
}
"""For parameters whose metavar says too little."""

BY_METAVAR: Mapping[str, Completer] = {
    "REF": references,
    "[REF]": references,
    "[OPERATION]": references,
    "[A] [B]": sides,
    "KIND[/NAME]": selectors,
    "[KIND[/NAME]]": selectors,
    "NS": namespaces,
    "NS/NAME": secrets,
    "WHICH": workloads,
    "TYPE": types,
    "FILE": files,
    "[RELEASE:]FILE": files,
    "PATH": files,
    "DIR": folders,
    "[REMOTE]": folders,
    "DIR|URL": folders,
}
"""For every parameter of every command that calls its value so."""

UNKNOWN = frozenset(
    {
        "WHY",
        "N",
        "NAME",
        "USER",
        "GROUP",
        "TIME",
        "KEY",
        "WHOM",
        "VERSION",
        "CODE",
        "CMD",
        "[RELEASE:]PATH=VALUE",
        "URL",
        "NUMBER",
        "REVISION",
        "TAG",
    }
)
"""What only the person at the keyboard knows. A test asks that each metavar is in one of these tables."""


def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[Item]:
    """Suggestions for a value; none where nothing is known, or nothing can be found out."""
    completer = BY_PARAMETER.get(str(parameter.name)) or BY_METAVAR.get(str(parameter.metavar))
    if completer is None:
        return []
    from .options import given

    found: list[Item] = []
    with suppress(Exception):
        items = completer(Known(given(context)), incomplete)
        found.extend(item for item in items if item.type != "plain" or item.value.startswith(incomplete))
    return found


class _Verbatim(click.Command):
    """A command whose arguments are words of another command line: nothing in them is an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep them."""
        ctx.args = args
        return args


@click.command("__complete", cls=_Verbatim, hidden=True)
@click.pass_context
def command(context: click.Context) -> None:
    """Answer kubectl: the last word is the one to be completed, and may be empty."""
    *words, incomplete = context.args or [""]
    found: list[Item] = []
    with suppress(Exception):
        found = _Plugin(context.find_root().command, {}, "", "").get_completions(words, incomplete)
    for line in answer(found):
        click.echo(line)


class _Plugin(ShellComplete):
    """click's machinery, asked by kubectl instead of by a shell."""


def answer(found: Iterable[Item]) -> Iterator[str]:
    """`VALUE<TAB>DESCRIPTION` lines and the directive."""
    directive = NO_FILES
    for item in found:
        if item.type == "plain":
            about = " ".join((item.help or "").split())[:_DESCRIPTION]
            yield f"{item.value}\t{about}" if about else item.value
            directive |= KEEP_ORDER if item.ordered else 0
        else:
            directive = DIRECTORIES if item.type == "dir" else 0
    yield f":{directive}"


def _about(seen: Seen) -> str:
    from datetime import UTC, datetime

    commit = f"{seen.commit[:7]}, " if seen.names else ""
    return f"{commit}{datetime.fromtimestamp(seen.time, UTC):%Y-%m-%d %H:%MZ}, {seen.subject}"


def _named(known: Known, kind: str) -> Iterator[Item]:
    wanted = known.flags.get("namespace")
    for type_ in _of_kind(known, kind.lower()):
        for namespace, name in known.store.objects(type_):
            if wanted in (None, namespace):
                yield Item(f"{kind}/{name}", help=namespace or None)


def _of_kind(known: Known, word: str) -> Iterator[ResourceType]:
    return (type_ for type_ in known.store.types if word in type_.spellings)


def _shared_kinds(types: Iterable[ResourceType]) -> set[str]:
    """Kinds that more than one group has."""
    seen: set[str] = set()
    shared: set[str] = set()
    for type_ in types:
        word = type_.kind.lower()
        (shared if word in seen else seen).add(word)
    return shared
