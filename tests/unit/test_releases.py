"""Releases as numbers, and the tables of what they support."""

from __future__ import annotations

import pytest

from kubectl_istio_upgrade.models.releases import Release
from kubectl_istio_upgrade.rules.releases import GATEWAY_API, LINES, NEWEST


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.29.1", Release(1, 29, 1)),
        ("v1.34.4", Release(1, 34, 4)),
        ("1.29", Release(1, 29)),
        ("1.29.1-distroless", Release(1, 29, 1)),
        ("1.31.0-rc.0", Release(1, 31, 0, "rc.0")),
        ("1.31.0-alpha.1-debug", Release(1, 31, 0, "alpha.1")),
        ("v1.30.2-gke.100", Release(1, 30, 2)),
        ("v1.29.3+k3s1", Release(1, 29, 3)),
        ("latest", None),
        ("1", None),
        ("", None),
        ("1.x.y", None),
    ],
)
def test_a_release_is_read(text: str, expected: Release | None) -> None:
    assert Release.parse(text) == expected


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("docker.io/istio/pilot:1.28.3", "1.28.3"),
        ("registry:5000/istio/pilot:1.28.3-distroless", "1.28.3"),
        ("istio/pilot:1.28.3@sha256:abc", "1.28.3"),
        ("registry:5000/istio/pilot", "None"),
        ("istio/pilot@sha256:abc", "None"),
        ("auto", "None"),
        ("istio/pilot:mine", "None"),
    ],
)
def test_the_release_of_an_image(image: str, expected: str) -> None:
    assert str(Release.of_image(image)) == expected


def test_a_candidate_comes_before_its_release() -> None:
    texts = ["1.31.0", "1.30.9", "1.31.0-rc.1", "1.31.0-alpha.0", "1.31.1", "1.31.0-rc.0"]
    ranked = sorted((release for text in texts if (release := Release.parse(text))), key=lambda each: each.rank)
    assert [str(each) for each in ranked] == [
        "1.30.9", "1.31.0-alpha.0", "1.31.0-rc.0", "1.31.0-rc.1", "1.31.0", "1.31.1",
    ]  # fmt: skip


def test_every_minor_release_has_a_row_that_is_no_step_back() -> None:
    assert list(LINES) == list(range(min(LINES), NEWEST + 1))
    for line, following in zip(LINES.values(), list(LINES.values())[1:], strict=False):
        assert line.floor <= line.kubernetes[0] <= line.kubernetes[1], line
        assert line.kubernetes[0] <= following.kubernetes[0], line
        assert line.kubernetes[1] <= following.kubernetes[1], line
        assert line.ends is None or following.ends is None or line.ends < following.ends, line


def test_rows_of_the_gateway_api_do_not_overlap() -> None:
    for row in GATEWAY_API:
        others = [other for other in GATEWAY_API if other.plural == row.plural and other is not row]
        assert (row.least is None) != (row.most is None), row
        for other in others:
            apart = (row.until and row.until.rank <= other.since.rank) or (
                other.until and other.until.rank <= row.since.rank
            )
            assert apart, (row, other)
