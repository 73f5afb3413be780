"""The floor: the same lists, in parallel, raw, and thrown away. `python -m tests.bench.floor PORT CA PATH…`.

The token is in the environment, BENCH_TOKEN. Nothing is parsed, so nothing that reads the whole mesh can be faster by
much.
"""

from __future__ import annotations

import http.client
import os
import ssl
import sys
import time
from concurrent.futures import ThreadPoolExecutor

WORKERS = 8
TOO_MANY = 429
"""For a second or two after the start, while the API server fills its caches."""


def fetch(port: int, authority: str, path: str) -> int:
    """List one type; how many bytes that was."""
    context = ssl.create_default_context(cafile=authority)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context)
    while True:
        connection.request("GET", path, headers={"Authorization": f"Bearer {os.environ['BENCH_TOKEN']}"})
        response = connection.getresponse()
        size = len(response.read())
        if response.status == 200:
            return size
        if response.status != TOO_MANY:
            raise SystemExit(f"{path}: {response.status}")
        time.sleep(float(response.headers.get("Retry-After", "1")))


def main() -> None:
    """List all and print the bytes."""
    port, authority, *paths = sys.argv[1:]
    with ThreadPoolExecutor(WORKERS) as pool:
        print(sum(pool.map(lambda path: fetch(int(port), authority, path), paths)))


if __name__ == "__main__":
    main()
