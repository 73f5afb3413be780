"""Values of `--set`, and what they mean to istioctl and to helm."""

from __future__ import annotations

from kubectl_istio_upgrade.models.objects import Json

LOG = '[%START_TIME%] "%REQ(:METHOD)%" {x} #1'

BOTH: tuple[tuple[str, Json], ...] = (
    ("", ""),
    ("2", 2),
    ("-3", -3),
    ("+5", 5),
    ("0", 0),
    ("9223372036854775807", 9223372036854775807),
    ("99999999999999999999", "99999999999999999999"),
    ("true", True),
    ("FALSE", False),
    ("yes", "yes"),
    ("on", "on"),
    ("1.30", "1.30"),
    ("1.29.1", "1.29.1"),
    ("1_000", "1_000"),
    ("0x10", "0x10"),
    ("1e3", "1e3"),
    ("*", "*"),
    ("~", "~"),
    ("@x", "@x"),
    ("!x", "!x"),
    ("a: b: c", "a: b: c"),
    ("foo #bar", "foo #bar"),
    ("[a]", "[a]"),
    ("'a'", "'a'"),
    ("x=y", "x=y"),
    ("/dev/stdout", "/dev/stdout"),
    ("a\nb", "a\nb"),
    (LOG, LOG),
    ("\u0660", "\u0660"),
)
"""What both take for the same."""

ISTIOCTL: tuple[tuple[str, Json], ...] = (
    ("t", True),
    ("F", False),
    ("tRUE", "tRUE"),
    ("null", "null"),
    ("007", 7),
    ("0.5", 0.5),
    (".5", 0.5),
    ("10.0", "10.0"),
    ("0.1234567890123456789", "0.1234567890123456789"),
    ("inf", "inf"),
    ("NaN", "NaN"),
    ("{a,b}", "{a,b}"),
    ("a,b", "a,b"),
    ("a\\,b", "a,b"),
    ("a\\.b", "a\\.b"),
    (" x ", "x"),
)
HELM: tuple[tuple[str, Json], ...] = (
    ("t", "t"),
    ("tRUE", True),
    ("null", None),
    ("NULL", None),
    ("007", "007"),
    ("-05", -5),
    ("0.5", "0.5"),
    ("{a,b}", ["a", "b"]),
    ("{a,1,true,null,1.30,}", ["a", 1, True, None, "1.30", ""]),
    ("{}", [""]),
    ("{a\\,b,c\\}}", ["a,b", "c}"]),
    ("x{a}", "x{a}"),
    ("\\{a}", "{a}"),
    ("a\\,b", "a,b"),
    ("a\\.b\\\\c", "a.b\\c"),
    ("a\\", "a"),
    (" x ", " x "),
)
