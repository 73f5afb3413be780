from __future__ import annotations

from kubectl_istio_upgrade.diff.states import compare
from kubectl_istio_upgrade.normalise.relaxing import RELAXED, is_relaxed, relaxed, unrelaxed
from kubectl_istio_upgrade.normalise.view import Surroundings, keep_live

from .builders import state
from .webhooks import WEBHOOK, validator


def test_relaxing_is_marked_and_undone_exactly() -> None:
    before = validator()
    eased = relaxed(before, [WEBHOOK])
    assert eased.body["webhooks"][0]["failurePolicy"] == "Ignore"
    assert eased.annotations == {RELAXED: WEBHOOK}
    assert is_relaxed(eased)
    assert unrelaxed(eased) == before
    assert unrelaxed(before) is before


def test_other_annotations_and_webhooks_stay_as_they_are() -> None:
    before = validator()
    before.body["metadata"]["annotations"] = {"mine": "x"}
    before.body["webhooks"].append({**before.body["webhooks"][0], "name": "other"})
    eased = relaxed(before, [WEBHOOK])
    assert eased.body["webhooks"][1]["failurePolicy"] == "Fail"
    assert unrelaxed(eased) == before


def test_a_webhook_left_relaxed_differs_although_its_policy_is_noise() -> None:
    before = validator()
    (diff,) = compare(state(relaxed(validator(version="2"), [WEBHOOK])), state(before)).diffs
    assert [change.path[:2] for change in diff.fields] == [("metadata", "annotations")]
    ignored = compare(state(validator(policy="Ignore", version="2")), state(before))
    assert ignored.diffs == ()


def test_putting_it_back_keeps_the_policy_from_before() -> None:
    """The snapshot's validator was still waiting for istiod to close it; the live one had been closed."""
    body = keep_live(validator(policy="Ignore"), relaxed(validator(ca="NEW"), [WEBHOOK]), Surroundings())
    assert body["webhooks"][0]["failurePolicy"] == "Fail"
    assert body["webhooks"][0]["clientConfig"]["caBundle"] == "NEW"
    assert "annotations" not in body["metadata"]
