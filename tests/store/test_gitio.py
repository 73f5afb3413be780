"""git processes under threads and Ctrl-C."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from kubectl_istio_upgrade.adapters.store import GitStore
from kubectl_istio_upgrade.adapters.store.gitio import GitError, ObjectReader

from .meshes import draft, small_mesh

CLOSED = 50
"""Times that the reader is closed: often enough that some meet it between a question and its answer."""


def test_a_reader_that_is_closed_under_a_thread_raises_nothing_but_its_own_error(
    store: GitStore, git: Callable[..., str]
) -> None:
    """As Ctrl-C does while snapshots are read ahead. The next read is as ever."""
    store.commit("prod", draft(small_mesh()))
    ids = git("rev-list", "--objects", "--no-object-names", "prod").split()
    reader = ObjectReader(store.git)
    stopped: list[str] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            try:
                assert None not in list(reader.read(ids))
            except GitError as error:
                stopped.append(str(error))

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        for _ in range(CLOSED):
            reader.close()
            done.wait(0.01)
        done.set()
        reading.result()
    assert None not in list(reader.read(ids))
    reader.close()
    assert stopped, "no close met a question; close more often"
