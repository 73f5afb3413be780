"""Which workloads a user means: `--workloads none|all|SELECTOR`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from ..errors import UsageError
from ..models.restarts import Workload
from .restarts import pod_labels

NONE, PLAN, ALL = "none", "plan", "all"

_KINDS = {
    "Deployment": ("deployment", "deployments", "deploy", "deployments.apps", "deployment.apps"),
    "DaemonSet": ("daemonset", "daemonsets", "ds", "daemonsets.apps", "daemonset.apps"),
    "StatefulSet": ("statefulset", "statefulsets", "sts", "statefulsets.apps", "statefulset.apps"),
}
_NAMESPACE = ("namespace", "namespaces", "ns")

_HINT = "none, all, namespace/NAME, deployment/NAME, daemonset/NAME, statefulset/NAME (NAME may have *), or app=web"

Test = Callable[[Workload], bool]


@dataclass(frozen=True)
class Choice:
    """What was chosen. Without selectors: all that are out of date."""

    none: bool = False
    current_too: bool = False
    """`all`: what is up to date is restarted as well."""
    tests: Mapping[str, Test] = field(default_factory=dict)
    """By selector; any of them suffices."""
    namespaces: tuple[str, ...] = ()

    def __call__(self, workload: Workload) -> bool:
        """Whether this workload is to be restarted, if nothing stands in the way."""
        if self.none or (self.namespaces and workload.key.namespace not in self.namespaces):
            return False
        if not (workload.currency.is_stale or self.current_too):
            return False
        return not self.tests or any(test(workload) for test in self.tests.values())

    def unmet(self, workloads: Iterable[Workload]) -> tuple[str, ...]:
        """Selectors that fit none of all workloads, up to date or not: slips, more often than not."""
        known = [each for each in workloads if not self.namespaces or each.key.namespace in self.namespaces]
        return tuple(selector for selector, test in self.tests.items() if not any(map(test, known)))


def chosen(words: Sequence[str], namespaces: Sequence[str] = ()) -> Choice:
    """What a user has written, each word one `--workloads`; they add up. Raises UsageError."""
    if len(words) > 1 and {NONE, ALL} & set(words):
        raise UsageError("--workloads none and --workloads all stand alone", hint=_HINT)
    if list(words) == [NONE]:
        return Choice(none=True)
    selectors = [word for word in words if word != ALL]
    return Choice(
        current_too=ALL in words, tests={word: _test(word) for word in selectors}, namespaces=tuple(namespaces)
    )


def _test(selector: str) -> Test:
    kind, slash, name = selector.partition("/")
    if slash and name and kind.lower() in _NAMESPACE:
        return lambda workload: fnmatchcase(workload.key.namespace, name)
    if slash and name and (wanted := _kind(kind)):
        return lambda workload: workload.kind == wanted and fnmatchcase(workload.key.name, name)
    if not slash or "=" in kind:
        return _by_labels(selector)
    raise UsageError(f"cannot read selector {selector!r}", hint=_HINT)


def _kind(word: str) -> str:
    return next((kind for kind, words in _KINDS.items() if word.lower() in words), "")


def _by_labels(selector: str) -> Test:
    """`app=web,tier!=cache`: of the labels of the pods, all of which must fit."""
    terms = [_term(term.strip(), selector) for term in selector.split(",")]

    def test(workload: Workload) -> bool:
        labels = pod_labels(workload.live.body) if workload.live else {}
        return all((labels.get(name) == value) is equal for name, value, equal in terms)

    return test


def _term(term: str, selector: str) -> tuple[str, str, bool]:
    name, separator, value = term.partition("!=")
    equal = not separator
    if equal:
        name, separator, value = term.replace("==", "=").partition("=")
    if not (name and separator):
        raise UsageError(f"cannot read selector {selector!r}", hint=_HINT)
    return name.strip(), value.strip(), equal
