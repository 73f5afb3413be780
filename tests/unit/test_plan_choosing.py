"""`--workloads`: what each word means."""

from __future__ import annotations

import pytest

from kubectl_istio_upgrade.errors import UsageError
from kubectl_istio_upgrade.models.restarts import Currency, Workload
from kubectl_istio_upgrade.plan.choosing import chosen

from .builders import obj


def workload(
    name: str, *, kind: str = "Deployment", currency: Currency = Currency.OUT_OF_DATE, **labels: str
) -> Workload:
    live = obj("Deployment", name, spec={"template": {"metadata": {"labels": labels}}})
    return Workload(live.key, kind, 1, currency, live=live)


ALL = (
    workload("shop/web", app="web", tier="front"),
    workload("shop/api", app="api", tier="back"),
    workload("bank/web", app="web", tier="back"),
    workload("bank/agent", kind="DaemonSet", app="agent"),
    workload("bank/new", app="new", currency=Currency.CURRENT),
    workload("bank/bare", app="bare", currency=Currency.MISSING),
    workload("bank/odd", app="odd", currency=Currency.UNKNOWN),
)


def names(*words: str, namespaces: tuple[str, ...] = ()) -> list[str]:
    choice = chosen(words, namespaces)
    return [f"{each.key.namespace}/{each.key.name}" for each in ALL if choice(each)]


STALE = ["shop/web", "shop/api", "bank/web", "bank/agent", "bank/bare"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), STALE),
        (("none",), []),
        (("all",), [*STALE[:4], "bank/new", "bank/bare", "bank/odd"]),
        (("namespace/shop",), ["shop/web", "shop/api"]),
        (("ns/b*",), ["bank/web", "bank/agent", "bank/bare"]),
        (("deployment/web",), ["shop/web", "bank/web"]),
        (("deploy/w*",), ["shop/web", "bank/web"]),
        (("DaemonSets.apps/agent",), ["bank/agent"]),
        (("app=web",), ["shop/web", "bank/web"]),
        (("app=web,tier!=back",), ["shop/web"]),
        (("app==api",), ["shop/api"]),
        (("deployment/api", "app=agent"), ["shop/api", "bank/agent"]),
        (("deployment/new",), []),
    ],
)
def test_words(words: tuple[str, ...], expected: list[str]) -> None:
    assert sorted(names(*words)) == sorted(expected)


def test_a_namespace_narrows() -> None:
    assert names("app=web", namespaces=("bank",)) == ["bank/web"]


def test_selectors_that_fit_nothing_are_told_and_one_that_fits_what_is_up_to_date_is_none_of_them() -> None:
    choice = chosen(("deployment/webb", "deployment/new", "app=nope", "ns/shop"))
    assert choice.unmet(ALL) == ("deployment/webb", "app=nope")
    assert chosen(("deployment/api",), ("bank",)).unmet(ALL) == ("deployment/api",), "it is in another namespace"
    assert chosen(("all",)).unmet(()) == chosen(()).unmet(()) == ()


@pytest.mark.parametrize("words", [("web",), ("service/web",), ("deployment/",), ("app=web,x",), ("none", "all")])
def test_words_that_mean_nothing(words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError) as caught:
        chosen(words)
    assert "namespace/NAME" in str(caught.value.hint)
