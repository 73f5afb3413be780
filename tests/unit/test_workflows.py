"""The workflows of .github, as far as they can be looked at without running them: what they name is there."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubectl_istio_upgrade import __version__
from release import build, manifest, smoke
from release.archive import ReleaseError, archive_name

ROOT = Path(__file__).parents[2]
WORKFLOWS = {path.name: yaml.safe_load(path.read_text("utf-8")) for path in (ROOT / ".github/workflows").glob("*.yml")}
RELEASE = WORKFLOWS["release.yml"]["jobs"]

RUNNERS = {
    "ubuntu-22.04": ("linux", "amd64"),
    "ubuntu-22.04-arm": ("linux", "arm64"),
    "macos-15-intel": ("darwin", "amd64"),
    "macos-14": ("darwin", "arm64"),
    "windows-2022": ("windows", "amd64"),
}
"""What GitHub's runners are: docs.github.com/en/actions/reference/runners/github-hosted-runners."""

PROGRAMS = {"release.build": build, "release.smoke": smoke, "release.manifest": manifest}
OURS = re.compile(r"python -m (release\.\w+)((?: --?[\w-]+)*)")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def steps(jobs: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for job in jobs.values():
        yield from job["steps"]


def script(jobs: dict[str, Any], words: str) -> str:
    """The one `run:` that has these words."""
    (found,) = (step["run"] for step in steps(jobs) if words in step.get("run", ""))
    return str(found)


def platforms() -> list[dict[str, Any]]:
    """Of krew's manifest; the template is no YAML before its addresses are filled in."""
    text = re.sub(r"\{\{addURIAndSha .*\}\}", "uri: x", manifest.TEMPLATE.read_text("utf-8"))
    found: list[dict[str, Any]] = yaml.safe_load(text.replace("{{ .TagName }}", "v0"))["spec"]["platforms"]
    return found


def test_there_is_a_runner_for_each_platform_of_the_manifest_and_no_other() -> None:
    runners = RELEASE["archive"]["strategy"]["matrix"]["runner"]
    selected = [platform["selector"]["matchLabels"] for platform in platforms()]
    assert {RUNNERS[runner] for runner in runners} == {(each["os"], each["arch"]) for each in selected}
    assert len(runners) == len(selected)


def test_what_is_uploaded_is_what_is_built_for_each_platform() -> None:
    (upload,) = (step["with"]["path"].split() for step in steps(RELEASE) if "upload-artifact" in step.get("uses", ""))
    addresses = re.findall(r'addURIAndSha "([^"]+)"', manifest.TEMPLATE.read_text("utf-8"))
    names = [archive_name("{{ .TagName }}", *RUNNERS[runner]) for runner in RUNNERS]
    assert sorted(address.rpartition("/")[2] for address in addresses) == sorted(names)
    for name in names:
        assert sum(Path("dist", name).match(pattern) for pattern in upload) == 1, name


@pytest.mark.parametrize("name", WORKFLOWS)
def test_each_program_of_ours_that_it_calls_takes_these_options(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [step["run"] for step in steps(WORKFLOWS[name]["jobs"]) if "run" in step]
    called = [call for text in texts for call in OURS.findall(text)]
    for module, options in called:
        words = options.split()
        assert words == [] or options_of(PROGRAMS[module], monkeypatch) >= set(words)
    assert {module for module, _ in called} == (set(PROGRAMS) if name == "release.yml" else set())


@pytest.mark.parametrize(
    ("target", "modules"),
    [("package", ["release.build", "release.smoke"]), ("krew-manifest", ["release.manifest"])],
)
def test_make_calls_the_same_programs(target: str, modules: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    (recipe,) = re.findall(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    called = OURS.findall(recipe)
    assert [module for module, _ in called] == modules
    for module, options in called:
        assert set(options.split()) <= options_of(PROGRAMS[module], monkeypatch)
    shown = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert all(f"-m {module}" in shown for module in modules)


def options_of(module: Any, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """What its own parser takes."""
    parsers: list[argparse.ArgumentParser] = []

    def stop(parser: argparse.ArgumentParser, *_: object) -> None:
        parsers.append(parser)
        raise SystemExit

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop)
    with pytest.raises(SystemExit):
        module.main()
    return {option for action in parsers[0]._actions for option in action.option_strings}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_files_that_it_names_exist(name: str) -> None:
    texts = [step["run"] for step in steps(WORKFLOWS[name]["jobs"]) if "run" in step]
    inputs = [str(value) for step in steps(WORKFLOWS[name]["jobs"]) for value in step.get("with", {}).values()]
    named = [word for text in texts for word in shlex.split(text) if re.match(r"(requirements/|\.ci/)", word)]
    patterns = re.findall(r"(?:tests|requirements)/[\w./*-]+", " ".join(inputs))
    assert named
    assert [word for word in named if not (ROOT / word).is_file()] == []
    assert [
        pattern
        for pattern in patterns
        if not any(ROOT.glob(pattern.removesuffix("/**") + "/*" * pattern.endswith("/**")))
    ] == []


def test_continuous_integration_runs_the_command_of_the_readme() -> None:
    assert script(WORKFLOWS["ci.yml"]["jobs"], ".ci/run") == ".ci/run"
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1] == "exec make test"


@pytest.mark.parametrize("name", WORKFLOWS)
def test_versions_of_python_and_go_are_new_enough(name: str) -> None:
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    (python,) = re.findall(r'requires-python = ">=3\.(\d+)"', project)
    go = max(
        int(text)
        for file in ROOT.glob("tests/controlplane/go/*/go.mod")
        for text in re.findall(r"^go 1\.(\d+)", file.read_text(), re.M)
    )
    for step in steps(WORKFLOWS[name]["jobs"]):
        given = step.get("with", {})
        assert int(given.get("python-version", "3.99").split(".")[1]) >= int(python)
        assert int(given.get("go-version", "1.99").split(".")[1]) >= go


def test_a_job_waits_only_for_jobs_that_there_are() -> None:
    for workflow in WORKFLOWS.values():
        needed = {job["needs"] for job in workflow["jobs"].values() if "needs" in job}
        assert needed <= set(workflow["jobs"])


@pytest.mark.parametrize(("tag", "fits"), [(f"v{__version__}", True), ("v0.0.0", False), (__version__, False)])
def test_a_tag_that_is_not_the_programs_version_stops_a_release(tag: str, fits: bool) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "GITHUB_REF_NAME": tag, "PATH": path}
    line = script(RELEASE, 'GITHUB_REF_NAME" =')
    assert (subprocess.run(["bash", "-e", "-c", line], cwd=ROOT, env=environment).returncode == 0) == fits


def test_only_a_tag_with_a_suffix_is_a_prerelease() -> None:
    (inner,) = re.findall(r"\$\((case .*? esac)\)", script(RELEASE, "gh release create"))
    for tag, said in (("v1.2.3", ""), ("v1.2.3-rc.1", "--prerelease\n")):
        done = subprocess.run(["bash", "-c", inner], env={"GITHUB_REF_NAME": tag}, capture_output=True, text=True)
        assert done.stdout == said


def test_a_release_without_an_archive_of_each_platform_is_refused(tmp_path: Path) -> None:
    template = manifest.TEMPLATE.read_text("utf-8")
    for system, machine in RUNNERS.values():
        (tmp_path / archive_name("v1.2.3", system, machine)).write_text(system)
    assert manifest.rendered(template, tmp_path, "v1.2.3", complete=True).count("sha256: ") == len(RUNNERS)
    (tmp_path / archive_name("v1.2.3", "windows", "amd64")).unlink()
    assert manifest.rendered(template, tmp_path, "v1.2.3").count("sha256: ") == len(RUNNERS) - 1
    with pytest.raises(ReleaseError, match=r"v1.2.3-windows-amd64.zip"):
        manifest.rendered(template, tmp_path, "v1.2.3", complete=True)


def test_the_manifest_is_where_the_bot_that_publishes_it_looks() -> None:
    (bot,) = (step for step in steps(RELEASE) if "krew-release-bot" in step.get("uses", ""))
    assert (ROOT / bot["with"]["krew_template_file"]).samefile(manifest.TEMPLATE)
