"""What the shared options say, and the objects that they stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..adapters.configuration import configure
from ..adapters.manifests import ManifestFiles
from ..capture import CaptureOptions
from ..errors import UsageError
from ..operations.session import Place, Session, WritingSession
from ..ports import ClusterReader, ClusterWriter, ManifestDocument, Prober
from ..render.progress import TerminalProgress
from ..render.terminal import Color, Terminal, stderr, stdout
from .options import given

if TYPE_CHECKING:
    from ..adapters.kube.connection import ConnectionOptions
    from ..adapters.tools.reach import Destination
    from .tools import Toolbox


@dataclass(frozen=True)
class Settings:
    """The shared options of one command line, and what is configured where they are not given."""

    values: dict[str, Any]

    @classmethod
    def current(cls) -> Settings:
        """Those of the running command. Raises UsageError for a configuration that cannot be understood."""
        flags = given(click.get_current_context())
        return cls({**flags, **configure(flags).values})

    @property
    def out(self) -> Terminal:
        """For data."""
        return stdout(self._color)

    @property
    def err(self) -> Terminal:
        """For everything else."""
        return stderr(self._color)

    @property
    def _color(self) -> Color:
        return Color(self.values.get("color", "auto"))

    @property
    def namespaces(self) -> tuple[str, ...]:
        """`-n`, as a narrowing selection."""
        return (self.values["namespace"],) if "namespace" in self.values else ()

    def refuse_namespace(self, hint: str = "it is of the whole mesh, in whatever namespaces") -> None:
        """For commands to which `-n` means nothing: one who narrows with it must not be passed over."""
        if self.namespaces:
            raise UsageError("-n means nothing to this command", hint=hint)

    @cached_property
    def progress(self) -> TerminalProgress:
        """On stderr."""
        return TerminalProgress(self.err, quiet=self.values.get("quiet", False))

    @property
    def store_path(self) -> Path:
        """As configured, else in the user's data folder."""
        store: Path = self.values["store"]
        return store

    @property
    def remote(self) -> str:
        """Where the store is pushed to and pulled from, as configured; "" where it is not."""
        return str(self.values.get("remote", ""))

    @property
    def recipients(self) -> tuple[str, ...]:
        """To whom snapshots encrypt secret values, as configured; the store may know more."""
        return tuple(self.values.get("recipients", ()))

    @property
    def ignored_findings(self) -> tuple[str, ...]:
        """Codes of findings that stop no upgrade, as configured; those that a command line names come on top."""
        return tuple(self.values.get("ignored_findings", ()))

    @contextmanager
    def session(self, *, create: bool = False) -> Iterator[Session]:
        """A session that can only read the cluster. `create` makes the store if there is none."""
        with self._resources(create=create) as (arguments, _):
            session = Session(**arguments)
            _until_the_end.append(session)
            yield session

    @contextmanager
    def writing_session(self, timeout: float) -> Iterator[WritingSession]:
        """A session that may write to the cluster."""
        from ..adapters.machine import this_process

        prober = self.prober
        with self._resources(create=True) as (arguments, connection):
            yield WritingSession(
                **arguments,
                connect_writer=connection.writer,
                holder=this_process(),
                timeout=timeout,
                prober=prober,
            )

    @property
    def prober(self) -> Prober:
        """The probes that were asked for. Raises UsageError for what cannot be one."""
        from ..adapters.probing.prober import ThreadedProber
        from ..adapters.probing.targets import statuses_of
        from ..models.probes import Pace

        given: dict[str, Any] = {
            "interval": self.values.get("probe_interval"),
            "timeout": self.values.get("probe_timeout"),
            "statuses": statuses_of(self.values.get("probe_statuses", ())),
        }
        return ThreadedProber.of(
            self.values.get("probe_urls", ()),
            self.values.get("probe_commands", ()),
            Pace(**{name: value for name, value in given.items() if value}),
            may_fail=self.values.get("probe_may_fail", False),
            tell=self.progress.note,
        )

    @contextmanager
    def cluster(self) -> Iterator[ClusterReader]:
        """The cluster alone, read-only, for commands that need no store."""
        with self.cluster_at_need() as reader:
            yield reader()

    @contextmanager
    def cluster_at_need(self) -> Iterator[Callable[[], ClusterReader]]:
        """The same, connected to when it is called for."""
        connection = _Connection(self)
        try:
            yield connection.reader
        finally:
            connection.close()

    @contextmanager
    def toolbox(self, root_namespace: str) -> Iterator[Toolbox]:
        """istioctl and helm, led to the cluster of this command line. Raises UsageError for a wrong kubeconfig."""
        from .tools import toolbox

        with toolbox(self, _Connection(self).destination(), root_namespace) as tools:
            yield tools

    @contextmanager
    def _resources(self, *, create: bool) -> Iterator[tuple[dict[str, Any], _Connection]]:
        from ..adapters.store.store import GitStore

        connection = _Connection(self)
        if create:
            connection.transport()  # a slip in the kubeconfig leaves no empty store behind
        with GitStore.open(self.store_path, create=create) as store:
            if create and (new := store.add_recipients(self.recipients)):
                self.progress.note(f"from now on snapshots encrypt secret values to {', '.join(new)}")
            try:
                yield (
                    {
                        "store": store,
                        "connect": connection.reader,
                        "progress": self.progress,
                        "options": self.capture_options,
                        "context_name": connection.context,
                        "place": connection.place,
                        "identities": self.values.get("identities", ()),
                        "explicit": bool(self.values.get("context") or self.values.get("kubeconfig")),
                    },
                    connection,
                )
            finally:
                connection.close()

    @property
    def capture_options(self) -> CaptureOptions:
        """What to read."""
        return CaptureOptions(
            root_namespace=self.values.get("root_namespace", ""),
            exclude=self.values.get("exclude_type", ()),
        )

    def documents(self, paths: Sequence[str]) -> tuple[ManifestDocument, ...]:
        """The user's manifests."""
        return ManifestFiles().read(paths)


_until_the_end: list[Session] = []
"""With all that they have read: to free a large mesh takes a while, and the process ends anyway."""


class _Connection:
    """The cluster, connected to at the first request."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._transport: Any = None

    def context(self) -> str:
        from ..adapters.kube.contexts import names

        options = self._options()
        return options.context or names(options.kubeconfig).current

    def place(self) -> Place:
        site = self.transport().site
        return Place(site.server, site.namespace)

    def transport(self) -> Any:
        from ..adapters.kube.connection import connect

        if self._transport is None:
            self._transport = connect(self._options())
        return self._transport

    def destination(self) -> Destination:
        from ..adapters.kube.connection import resolve
        from ..adapters.tools.reach import Destination

        options = self._options()
        files, chosen = resolve(options)
        who = (options.as_user, options.as_groups, options.as_uid)
        return Destination(files, chosen.context, chosen.cluster_name, chosen.user_name, chosen.namespace, *who)

    def _options(self) -> ConnectionOptions:
        from ..adapters.kube.connection import ConnectionOptions

        names = {field.name for field in fields(ConnectionOptions)}
        return ConnectionOptions(**{name: value for name, value in self._settings.values.items() if name in names})

    def reader(self) -> ClusterReader:
        from ..adapters.kube.reader import KubeReader

        return KubeReader(self.transport())

    def writer(self) -> ClusterWriter:
        from ..adapters.kube.writer import KubeWriter

        return KubeWriter(self.transport(), self._settings.progress.note)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
