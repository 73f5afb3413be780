"""The page of `report` in a real browser: on a desk, on a phone, in the dark, and on paper."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from kubectl_istio_upgrade.models.reports import CheckReport, Report
from kubectl_istio_upgrade.render.report.content import document
from kubectl_istio_upgrade.render.report.page import page
from tests.unit.test_render_report import EVERY, FULL

from .devtools import Browser, Page

pytestmark = pytest.mark.browser

CONTRASTS = """
(() => {
  const parsed = (text) => text.match(/[\\d.]+/g).map(Number);
  const linear = (v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const luminance = (rgb) => {
    const [r, g, b] = rgb.slice(0, 3).map((v) => linear(v / 255));
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const ground = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = parsed(getComputedStyle(each).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.data, element = walker.currentNode.parentElement;
    if (!text.trim() || !element.checkVisibility()) continue;
    const both = [parsed(getComputedStyle(element).color), ground(element)].map(luminance);
    found.push([(Math.max(...both) + .05) / (Math.min(...both) + .05), element.className, text.slice(0, 40)]);
  }
  return found.sort((a, b) => a[0] - b[0]);
})()
"""
"""Of every text that can be seen: its contrast to what is behind it, the poorest first."""

FOLDED = "[...document.querySelectorAll('details:not([open]) > :not(summary)')].map((e) => e.checkVisibility())"
"""Of all that is folded away: whether it can be seen."""


class Look:
    """Writes a report's page to a file and opens it."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self._browser = browser
        self._path = folder / "report.html"

    def __call__(self, report: Report = FULL, *, width: int = 1280, dark: bool = False) -> Page:
        self._path.write_text(page(document(report)), "utf-8")
        return self._browser.page(self._path.as_uri(), width=width, dark=dark)

    def at(self, text: str) -> Page:
        """Any page."""
        self._path.write_text(text, "utf-8")
        return self._browser.page(self._path.as_uri())


@pytest.fixture
def look(chromium: Browser, tmp_path: Path) -> Look:
    return Look(chromium, tmp_path)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("name", EVERY)
def test_it_shows_without_a_complaint_a_request_or_a_line_too_long(
    look: Look, name: str, width: int, dark: bool
) -> None:
    seen = look(EVERY[name], width=width, dark=dark)
    assert seen.complaints == []
    assert seen.requests == [seen.address]
    assert seen.overflow == 0
    assert seen.value("document.querySelectorAll('script').length") == 0


def test_the_figures_are_there_to_be_read(look: Look) -> None:
    text = look().value("document.body.innerText")
    for figure in (
        "Upgrade to 1.29.1",
        "PROVED",
        "25 objects are identical to what was planned, 1 kept",
        "1.28.3 to 1.29.1",
        "alice@bastion",
        "kubectl istio-upgrade rollback bbbbbbb",
        "1 min 36 s",
        "1 create, 15 update: all done.",
        "1,324 requests, 2 failed",
        "1 added, 5 changed; 20 the same",
        "docker.io/istio/pilot:1.29.1",
        '<script>alert("mesh")</script>',
    ):
        assert figure in text


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_stands_out_from_what_is_behind_it(look: Look, width: int, dark: bool) -> None:
    seen = look(width=width, dark=dark)
    seen.value("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    contrasts = seen.value(CONTRASTS)
    assert len(contrasts) > 200
    assert contrasts[0][0] >= 4.5, contrasts[:5]


def test_the_dark_one_is_dark(look: Look) -> None:
    grounds = [
        look(dark=dark).value("getComputedStyle(document.documentElement).backgroundColor") for dark in (False, True)
    ]
    light, dark = (sum(map(int, re.findall(r"\d+", ground))) for ground in grounds)
    assert light > 700
    assert dark < 100


def test_what_is_folded_opens(look: Look) -> None:
    seen = look()
    assert seen.value(FOLDED) == [False] * 4
    seen.value("document.querySelectorAll('summary').forEach((each) => each.click())")
    heights = seen.value("[...document.querySelectorAll('details')].map((e) => e.getBoundingClientRect().height)")
    assert max(heights) > 3000, "the longest difference, all of it"


def test_on_paper_everything_is_open_and_in_black_on_white(look: Look, tmp_path: Path) -> None:
    seen = look(dark=True)
    seen.call("Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    assert seen.value(FOLDED) == [True] * 4
    assert seen.value("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
    assert seen.value("getComputedStyle(document.documentElement).color") == "rgb(0, 0, 0)"
    assert seen.value("document.querySelector('nav').checkVisibility()") is False
    assert "more lines, in the page itself" in seen.value("document.body.innerText")
    assert seen.value(CONTRASTS)[0][0] >= 4.5
    seen.pdf(tmp_path / "report.pdf")
    printed = (tmp_path / "report.pdf").read_bytes()
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 12


def test_the_keyboard_leads_through_it_and_shows_where_it_is(look: Look) -> None:
    seen = look()
    places = []
    for _ in range(13):
        for kind in ("keyDown", "keyUp"):
            seen.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        outline = seen.value("getComputedStyle(document.activeElement).outlineStyle")
        places.append((seen.value("document.activeElement.tagName"), outline))
    assert places == [("A", "solid")] * 12 + [("SUMMARY", "solid")]


def test_tables_are_tables_to_a_screen_reader_on_a_phone_too(look: Look) -> None:
    seen = look(width=360)
    seen.call("Accessibility.enable")
    nodes = seen.call("Accessibility.getFullAXTree")["nodes"]
    roles = [node["role"]["value"] for node in nodes if not node.get("ignored")]
    for role in ("banner", "navigation", "main", "contentinfo", "table", "columnheader", "rowheader", "cell"):
        assert role in roles
    heads = [node["name"]["value"] for node in nodes if node.get("role", {}).get("value") == "columnheader"]
    assert {"phase", "outcome", "took", "severity", "code"} <= set(heads)


def test_a_page_of_another_name_or_kind_is_as_well(look: Look) -> None:
    long = "x" * 200
    evil = replace(FULL, id=long, target=long, kind=long, context=long, holder=long, warnings=(long, long))
    assert look(evil, width=360).overflow == 0


def test_a_long_answer_leaves_its_question_room(look: Look) -> None:
    title = "gateways, CNI and ztunnel have rolled out"
    check = CheckReport(title, "ok", "all of them have, and here is who they are: " * 20)
    seen = look(replace(FULL, checks=(check,)))
    heads = "[...document.querySelectorAll('tbody th')]"
    width = seen.value(f"{heads}.find((e) => e.textContent === {title!r}).getBoundingClientRect().width")
    assert width >= 9 * 16, "its words are broken"


def test_the_policy_holds_what_would_slip_in(look: Look) -> None:
    """The control: a page that somebody has spoiled is noticed, and the browser does not obey it."""
    spoiled = '<script>document.title = "taken over"</script><p style="color: red">x</p><img src="https://x.invalid/y">'
    seen = look.at(page(document(FULL)).replace("<main>", f"<main>{spoiled}"))
    assert seen.value("document.title") == "Upgrade to 1.29.1: proved"
    assert seen.value("getComputedStyle(document.querySelector('main p')).color") != "rgb(255, 0, 0)"
    complaints = " ".join(seen.complaints)
    for directive in ("script-src", "style-src", "img-src"):
        assert directive in complaints
