"""The part of kube-proxy that istiod needs: connections to a cluster IP reach a ready pod."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from pathlib import Path

Endpoint = tuple[str, int]
Backend = Endpoint | Path
"""A pod's address and port, or its Unix domain socket."""
Accept = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class ServiceProxy:
    """Listens on cluster IPs and passes bytes on; a Service without ready pods refuses connections, as kube-proxy does.

    It runs an event loop in a thread of its own, so the rest of the test bed stays synchronous.
    """

    def __init__(self) -> None:
        """Start the loop; nothing is listened on yet."""
        self._loop = asyncio.new_event_loop()
        self._backends: dict[Endpoint, Sequence[Backend]] = {}
        self._servers: dict[Endpoint, asyncio.Server] = {}
        self._connections: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="service-proxy", daemon=True)
        self._thread.start()

    def update(self, wanted: Mapping[Endpoint, Sequence[Backend]]) -> None:
        """Listen on exactly these addresses from now on; open connections to a pod that is gone end with it."""
        self._call(self._update({address: backends for address, backends in wanted.items() if backends}))

    def stop(self) -> None:
        """Close everything."""
        if not self._thread.is_alive():
            return
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    async def _update(self, wanted: dict[Endpoint, Sequence[Backend]]) -> None:
        self._backends = wanted
        for address in set(self._servers) - set(wanted):
            self._servers.pop(address).close()
        for address in set(wanted) - set(self._servers):
            self._servers[address] = await asyncio.start_server(self._accept_for(address), *address)

    async def _close(self) -> None:
        await self._update({})
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept_for(self, address: Endpoint) -> Accept:
        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._connections.add(task)
            try:
                with contextlib.suppress(asyncio.CancelledError):
                    await self._relay(address, reader, writer)
            finally:
                self._connections.discard(task)
                writer.close()

        return accept

    async def _relay(self, address: Endpoint, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for backend in self._backends.get(address, ()):
            with contextlib.suppress(OSError):
                pod_reader, pod_writer = await _open(backend)
                try:
                    await asyncio.gather(_pump(reader, pod_writer), _pump(pod_reader, writer))
                finally:
                    pod_writer.close()
                return


async def _open(backend: Backend) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if isinstance(backend, Path):
        return await asyncio.open_unix_connection(backend)
    return await asyncio.open_connection(*backend)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass bytes on until one side closes, then close the other."""
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()
