"""The words of a report, its text, its data, and its page."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files
from itertools import pairwise
from typing import Any

import pytest

from kubectl_istio_upgrade.canonical import to_yaml
from kubectl_istio_upgrade.diff.states import compare
from kubectl_istio_upgrade.models.objects import MemoryState
from kubectl_istio_upgrade.models.operations import End, Operation
from kubectl_istio_upgrade.models.reports import Ending, ProofReport, Report
from kubectl_istio_upgrade.render.report.content import document
from kubectl_istio_upgrade.render.report.data import report_data
from kubectl_istio_upgrade.render.report.markup import Markup, element
from kubectl_istio_upgrade.render.report.page import page
from kubectl_istio_upgrade.render.report.text import print_report
from kubectl_istio_upgrade.render.report.words import ENDINGS, duration
from kubectl_istio_upgrade.render.terminal import Terminal
from tests.store.meshes import by_key
from tests.support.html import Element, parsed
from tests.support.upgrade_log import DIGEST, HOSTILE, RECORD, mesh

from .builders import obj, state
from .test_reporting_assembling import OLD, OPENING, RUN, cut_short, report

CSS = files("kubectl_istio_upgrade.render.report").joinpath("page.css").read_text("utf-8")
STATES = [
    MemoryState(f"snapshot {name}", by_key(objects))
    for name, objects in (
        ("bbbbbbb", mesh("1.28.3")),
        ("aaaaaaa", mesh("1.29.1", changed=True)),
    )
]
FULL = report(RECORD, difference=compare(STATES[0], STATES[1]))
SHORT = report(OLD)
EVERY = {
    "full": FULL,
    "short": SHORT,
    "unfinished": cut_short(RUN),
    "nothing": cut_short(RUN, end=End.NOTHING),
    "journal": report(OLD, journal=Operation(OPENING, (RUN,))),
    "unknown": report({"kind": "rollback"}),
}


def text(made: Report) -> str:
    stream = io.StringIO()
    print_report(Terminal(stream), document(made))
    return stream.getvalue()


def html(made: Report) -> Element:
    return parsed(page(document(made)))


@pytest.fixture(params=list(EVERY.values()), ids=list(EVERY))
def made(request: pytest.FixtureRequest) -> Report:
    found: Report = request.param
    return found


# words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (0.0, "0.00 s"),
        (0.123, "0.12 s"),
        (7.04, "7.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (192.0, "3 min 12 s"),
        (3599.6, "1 h 00 min"),
        (3720.0, "1 h 02 min"),
    ],
)
def test_a_duration_is_as_exact_as_anybody_needs(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


def test_every_ending_has_a_word_and_a_sentence() -> None:
    for ending in Ending:
        for proof in (None, FULL.proof):
            told = document(replace(SHORT, ending=ending, proof=proof))
            assert told.ending == ENDINGS[ending][0]
            assert told.statement.endswith(".")


def test_what_is_left_is_said_at_once() -> None:
    residual = [{"object": "configmaps a/b", "change": "changed", "fields": ["data.x"]}]
    told = text(report({**OLD, "proof": {"identical": 52, "residual": residual}}))
    assert told.startswith("Rollback to snapshot ccccccc: not proved\n")
    assert "1 object still differs from snapshot ccccccc" in told
    assert re.search(r"ConfigMap a/b +changed\n +data\.x\n", told)


def test_one_that_was_taken_back_says_to_what() -> None:
    told = document(replace(SHORT, ending=Ending.ABORTED, proof=ProofReport(53, 1, (), ())))
    assert told.statement == "It was cut short, and taken back: 53 objects are identical to the state before it."


# text


def test_the_text_fits_80_columns_but_for_names(made: Report) -> None:
    for line in text(made).splitlines():
        assert len(line) <= 80 or len(line.split()[-1]) > 40, line


def test_the_text_has_every_part_and_ends_with_the_way_back() -> None:
    told = text(FULL)
    heads = re.findall(r"^([A-Z][a-z]+)\n-+$", told, re.MULTILINE)
    assert heads == [
        "Versions",
        "Phases",
        "Findings",
        "Review",
        "Plan",
        "Probes",
        "Restarts",
        "Validation",
        "Proof",
        "Difference",
        "Runs",
        "Settings",
    ]
    assert told.endswith("  kubectl istio-upgrade rollback bbbbbbb\n    goes back to the state before\n")


def test_what_is_not_on_record_is_not_mentioned() -> None:
    told = text(SHORT)
    for word in ("Phases", "Findings", "Probes", "Restarts", "Validation", "Settings", "Runs", "run by", "None"):
        assert word not in told


def test_a_table_is_aligned_and_its_last_column_broken() -> None:
    lines = text(FULL).splitlines()
    start = lines.index("PHASE           OUTCOME         TOOK   WHAT")
    assert lines[start + 1 : start + 4] == [
        "plan            done           3.4 s   1.28.3 to 1.29.1; 2 replicas, disruption",
        "                                       budgets allow 1",
        "istioctl        done          0.20 s   1.29.1 from the PATH",
    ]


def test_nothing_from_the_cluster_reaches_the_terminal_as_a_command_to_it() -> None:
    evil = replace(FULL, warnings=("\x1b[2J\x9b1m\r‮gone",))
    for shown in (text(evil), page(document(evil))):
        assert "\\u001b[2J\\u009b1m\\u000d\\u202egone" in shown
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f‪-‮]", shown)


def test_what_nobody_has_measured_has_no_column() -> None:
    steps = [{"object": "configmaps a/b", "action": "update", "outcome": "done", "seconds": 0.0}]
    assert re.search(
        r"^ACTION   OUTCOME   OBJECT\nupdate   done      ConfigMap a/b$", text(report({**OLD, "steps": steps})), re.M
    )


# data


def test_programs_get_it_all_and_nothing_that_is_not_known() -> None:
    data = report_data(FULL)
    assert json.loads(json.dumps(data)) == data
    assert to_yaml(data)
    assert (data["ending"], data["summary"], data["wayBack"][0]["command"]) == (
        "proved",
        {"create": 1, "update": 15},
        "kubectl istio-upgrade rollback bbbbbbb",
    )
    assert data["difference"]["summary"] == {"added": 1, "removed": 0, "changed": 5, "same": 20}
    assert not {"after", "seconds", "proof", "holder"} & report_data(cut_short()).keys()


def test_a_null_that_a_field_had_is_told() -> None:
    was, now = (state(obj("ConfigMap", "a/b", version=str(x), data={"x": x})) for x in (None, "1"))
    (changed,) = report_data(report(OLD, difference=compare(was, now)))["difference"]["objects"]
    assert changed["fields"] == [{"op": "replace", "path": "data.x", "before": None, "after": "1"}]


def test_no_form_has_a_digest(made: Report) -> None:
    assert any(DIGEST in str(one.body) for one in STATES[0].objects.values())
    for shown in (text(made), page(document(made)), json.dumps(report_data(made))):
        assert "hmac-sha256" not in shown
    assert "digest 0123abcd" in page(document(replace(FULL, warnings=(DIGEST,))))


# page


def test_the_page_is_well_formed(made: Report) -> None:
    tree = html(made)
    (root,) = tree.all("html")
    assert root.attributes["lang"] == "en"
    assert next(tree.all("title")).text == f"{document(made).title}: {document(made).ending}"
    ids = [element.attributes["id"] for element in tree.all() if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    links = [str(link.attributes["href"]) for link in tree.all("a")]
    assert {link.removeprefix("#") for link in links} < set(ids)


def test_the_page_loads_nothing_and_runs_nothing(made: Report) -> None:
    tree = html(made)
    assert not list(tree.all("script", "img", "iframe", "object", "embed", "form", "base", "video", "audio"))
    for each in tree.all():
        assert not [name for name in each.attributes if name.startswith("on") or name in ("src", "srcset", "style")]
        assert str(each.attributes.get("href", "#")).startswith(("#", "data:,"))
    assert "url(" not in CSS
    assert "@import" not in CSS


def test_the_policy_allows_the_style_sheet_and_no_more() -> None:
    tree = html(FULL)
    (policy,) = (meta for meta in tree.all("meta") if meta.attributes.get("http-equiv") == "Content-Security-Policy")
    (style,) = tree.all("style")
    digest = base64.b64encode(hashlib.sha256(style.text.encode()).digest()).decode()
    assert str(policy.attributes["content"]).split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    (head,) = tree.all("head")
    order = [child for child in head.children if isinstance(child, Element)]
    assert order.index(policy) < order.index(style), "what comes before the policy is not held by it"


def test_whatever_comes_from_the_cluster_is_text() -> None:
    shown = page(document(FULL))
    assert HOSTILE not in shown
    assert html(FULL).text.count(HOSTILE) >= 4


def test_hostile_names_and_words_stay_where_they_are() -> None:
    quote = '"><img src=x onerror=alert(1)>'
    evil = {
        **RECORD,
        "kind": quote,
        "label": quote,
        "settings": f"</pre></code>{quote}",
        "phases": [{"phase": quote, "outcome": quote, "detail": quote}],
        "restarts": [{"object": quote, "outcome": quote}],
        "checks": [{"check": quote, "outcome": quote}],
    }
    tree = html(report(evil, difference=None))
    assert not list(tree.all("img"))
    assert tree.text.count(quote) >= 8


def test_headings_are_in_order_and_landmarks_are_there(made: Report) -> None:
    tree = html(made)
    levels = [int(heading.name[1]) for heading in tree.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    (body,) = tree.all("body")
    names = [child.name for child in body.children if isinstance(child, Element)]
    assert names == ["header", "nav", "main", "footer"]
    for section in tree.all("section"):
        assert section.attributes["aria-labelledby"] == next(section.all("h2")).attributes["id"]


def test_tables_have_captions_and_every_head_its_scope(made: Report) -> None:
    for table in html(made).all("table"):
        assert next(table.all("caption")).text
        heads = list(next(table.all("thead")).all("th"))
        assert {head.attributes["scope"] for head in heads} == {"col"}
        for row in next(table.all("tbody")).all("tr"):
            cells = list(row.all("th", "td"))
            assert len(cells) == len(heads)
            named = [number for number, cell in enumerate(cells) if cell.name == "th"]
            assert len(named) <= 1
            assert all(cells[number].attributes["scope"] == "row" and number < len(cells) - 1 for number in named)


def test_outcomes_are_words_and_never_colour_alone(made: Report) -> None:
    for each in html(made).all():
        if {"good", "care", "bad", "quiet"} & set(str(each.attributes.get("class", "")).split()):
            assert each.text.strip()


def test_long_differences_are_folded_and_cut_on_paper_only() -> None:
    folded = {
        next(details.all("summary")).text.split(" ", 1)[1].split(" changed")[0]: details
        for details in html(FULL).all("details")
        if "changed" in next(details.all("summary")).text
    }
    assert "open" in folded["Deployment istio-system/istiod"].attributes
    values = folded["ConfigMap istio-system/values"]
    assert "open" not in values.attributes
    assert re.search("… 2[0-9]+ more lines, in the page itself", values.text)
    assert '+  option99: "99!"' in values.text


def test_a_page_has_room_for_so_much_and_names_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubectl_istio_upgrade.render.report.page._ROOM", 500)
    shown = html(FULL).text
    command = "kubectl istio-upgrade diff bbbbbbb aaaaaaa --only configmaps/values -n istio-system"
    assert f"There is no room for it here: {command}" in shown
    assert "option99" not in shown


def test_many_differences_are_all_folded() -> None:
    was, now = (state(*(obj("ConfigMap", f"a/c{n}", version=x, data={"x": x * n}) for n in range(1, 9))) for x in "12")
    details = list(html(report(OLD, difference=compare(was, now))).all("details"))
    assert len(details) == 8
    assert not [one for one in details if "open" in one.attributes]


def test_what_has_changed_alike_is_shown_once_with_all_its_names() -> None:
    names = ("Service", "a/x"), ("Service", "a/y"), ("ConfigMap", "a/z")
    was, now = (state(*(obj(kind, n, version=x, labels={"v": x}) for kind, n in names)) for x in "12")
    (details,) = html(report(OLD, difference=compare(was, now))).all("details")
    assert next(details.all("summary")).text == "~ 3 objects changed alike, +1 \N{MINUS SIGN}1 each"
    assert "ConfigMap a/z, Service a/x, Service a/y" in details.text
    added = state(*(obj("ConfigMap", f"a/c{n}") for n in range(3)))
    assert len(list(html(report(OLD, difference=compare(state(), added))).all("details"))) == 3, "they are not alike"


def test_phases_are_on_a_common_line_of_time() -> None:
    marks = [rect for rect in html(FULL).all("rect") if rect.attributes.get("class") == "mark"]
    places = [(float(str(m.attributes["x"])[:-1]), float(str(m.attributes["width"])[:-1])) for m in marks]
    assert len(places) == 9, "one was skipped and has no place"
    assert places[0][0] == 0.0
    assert [start for start, _ in places] == sorted(start for start, _ in places)
    assert all(start >= 0 and start + length <= 100.01 for start, length in places)


def _luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = "".join(c * 2 for c in digits) if len(digits) == 3 else digits
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_pair_of_colours_can_be_read() -> None:
    """WCAG 2.2, 1.4.3: 4.5 to 1, on every ground on which a colour may stand, in light, dark and print."""
    themes = [
        dict(re.findall(r"--([a-z]+): (#[0-9a-f]{3,6});", block)) for block in re.findall(r":root \{[^}]*\}", CSS)
    ]
    assert len(themes) == 3
    for theme in themes:
        pairs = [
            (ink, ground) for ink in ("ink", "soft", "link", "good", "care", "bad") for ground in ("paper", "field")
        ]
        for ink, ground in (*pairs, ("ink", "plus"), ("ink", "minus")):
            light, dark = sorted((_luminance(theme[ink]), _luminance(theme[ground])), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, ground, theme)


def test_elements_escape_all_that_is_not_markup() -> None:
    inner = element("b", "<&>")
    assert inner == "<b>&lt;&amp;&gt;</b>"
    assert element("p", inner, ["<"], None, class_='"<', open=False, title=None) == (
        '<p class="&quot;&lt;"><b>&lt;&amp;&gt;</b>&lt;</p>'
    )
    assert element("details", open=True) == "<details open></details>"
    joined: Any = inner + "<script>"
    assert not isinstance(joined, Markup), "what is put together by hand is text again"


def test_an_operation_without_an_end_has_no_time_of_it() -> None:
    assert "ended" not in dict(document(cut_short(RUN)).facts)
    told = replace(SHORT, started=datetime(2026, 11, 24, 12, tzinfo=UTC))
    assert dict(document(told).facts)["ended"] == "2026-11-24 12:00:07Z, after 7.0 s"
