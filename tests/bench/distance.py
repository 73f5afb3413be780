"""A way to the API server that takes time: `python -m tests.bench.distance PORT MILLISECONDS` prints its own port.

Every byte arrives half the round trip after it was sent, in both directions, however many are under way: the network
between a laptop and its cluster, without its limits of bandwidth. It is a process of its own, so that what is measured
does not wait for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator

from tests.demo.ending import ended_with_us

CHUNK = 1 << 18


@contextlib.contextmanager
def away(port: int, milliseconds: int) -> Iterator[int]:
    """The port of such a way to a server on this machine."""
    command = (sys.executable, "-m", __name__, str(port), str(milliseconds))
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    with ended_with_us(process):
        assert process.stdout
        yield int(process.stdout.readline())
        process.terminate()
        process.wait()


async def _serve(port: int, delay: float) -> None:
    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_carry(reader, back, delay), _carry(there, writer, delay))

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


async def _carry(source: asyncio.StreamReader, target: asyncio.StreamWriter, delay: float) -> None:
    """Read ahead while what was read is on its way."""
    clock, under_way = asyncio.get_running_loop().time, asyncio.Queue[tuple[float, bytes]]()

    async def deliver() -> None:
        while True:
            due, data = await under_way.get()
            await asyncio.sleep(due - clock())
            if not data:
                break
            target.write(data)
            await target.drain()
        target.close()

    delivery = asyncio.create_task(deliver())
    with contextlib.suppress(ConnectionError):
        while data := await source.read(CHUNK):
            under_way.put_nowait((clock() + delay, data))
    under_way.put_nowait((clock() + delay, b""))
    with contextlib.suppress(ConnectionError):
        await delivery


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2]) / 2000))
