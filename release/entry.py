"""Where the packed program starts: the environment is given back first, so that children get the user's own.

PyInstaller's starter points the dynamic linker at the bundle's libraries. git, istioctl, helm and credential plugins
inherit that, and would load our OpenSSL instead of theirs. The linker has read the variable by now, so this process is
not affected: https://pyinstaller.org/en/stable/common-issues-and-pitfalls.html
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import sys
from collections.abc import MutableMapping

LINKER_VARIABLES = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FRAMEWORK_PATH", "LIBPATH")
"""Of Linux, macOS and AIX; the starter keeps what the user had in `NAME_ORIG`, where the user had anything."""

OWN_PREFIX = "_PYI_"
"""What the starter tells itself. A credential plugin may be packed the same way, and must not think it is meant."""


def give_back(environment: MutableMapping[str, str]) -> None:
    """Leave no trace of the starter in an environment."""
    for name in LINKER_VARIABLES:
        original = environment.pop(f"{name}_ORIG", None)
        if original is not None:
            environment[name] = original
        else:
            environment.pop(name, None)
    for name in [name for name in environment if name.startswith(OWN_PREFIX)]:
        del environment[name]


def main() -> None:
    """Run the program, and leave without taking Python apart: for `--help` that is a tenth of the time."""
    give_back(os.environ)
    gc.set_threshold(200_000)  # as `run` does, but before click is imported
    from kubectl_istio_upgrade.cli.main import run

    code: object = 1
    try:
        run()
    except SystemExit as ended:
        code = ended.code
    atexit._run_exitfuncs()  # noqa: SLF001 - Python has no other way to run them
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


if __name__ == "__main__":
    main()
