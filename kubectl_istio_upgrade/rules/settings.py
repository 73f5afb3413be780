"""What can be configured, in one table: each setting's name on the command line, in the environment, in the file."""

from __future__ import annotations

from ..models.configurable import VARIABLE_PREFIX, Setting

FILE_VARIABLE = f"{VARIABLE_PREFIX}CONFIG"
"""Names another file than `config.yaml` in the user's configuration folder."""

FOREIGN_VARIABLES = tuple(VARIABLE_PREFIX + name for name in ("TESTBED_", "NO_SMALL_DISK", "NO_BROWSER", "BROWSER"))
"""What the tests of this program read and the program does not."""

COLORS = ("auto", "always", "never")

_TIME = r"\d+|((\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h))+"
"""kubectl's: whole seconds or a Go duration."""

SETTINGS = (
    Setting("store", "--store", "store", "where the store is", is_path=True),
    Setting("remote", "--remote", "remote", "where `store push` and `store pull` go"),
    Setting("recipients", "--recipient", "recipients", "to whom snapshots encrypt secret values", many=True),
    Setting("identities", "--identity", "identities", "what opens those values", many=True, is_path=True),
    Setting(
        "root_namespace",
        "--root-namespace",
        "rootNamespace",
        "where istiod runs",
        default="the newest snapshot's, or istio-system",
    ),
    Setting("exclude_type", "--exclude-type", "excludeTypes", "types that snapshots leave out", many=True),
    Setting("ignored_findings", "--ignore", "ignoredFindings", "findings that stop no upgrade", many=True),
    Setting("releases", "--releases", "releases", "where a missing istioctl is fetched from"),
    Setting(
        "request_timeout",
        "--request-timeout",
        "requestTimeout",
        "limit of one request",
        default="no limit",
        form=_TIME,
        such_as="30, 1s, 2m, 3h; 0 means no limit",
    ),
    Setting("color", "--color", "color", "whether output is coloured", default="auto", choices=COLORS),
)
"""Approval is not among them: nobody should say yes to a plan before it is there."""

BY_NAME = {setting.name: setting for setting in SETTINGS}
