"""The upgrade guide, step by step: where the step is shown doing its work, and where it is shown refusing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

TESTS = Path(__file__).parents[1]


class Shown(NamedTuple):
    """The tests of one step."""

    working: tuple[str, ...]
    refusing: tuple[str, ...]
    """What is not as it should be ends it with an exit code other than 0."""


GUIDE = {
    "1. planning": Shown(
        ("mesh/test_assessment.py::test_the_plan_for_the_next_release",),
        ("mesh/test_assessment.py::test_a_missing_permission_is_refused_by_name",),
    ),
    "2. prepare istioctl": Shown(
        ("mesh/test_assessment.py::test_the_real_istioctl_is_fetched_and_used",),
        ("mesh/test_assessment.py::test_an_istioctl_of_another_release_is_refused",),
    ),
    "3. precheck": Shown(
        ("mesh/test_assessment.py::test_precheck_has_istioctls_findings_in_its_table",),
        ("mesh/test_assessment.py::test_precheck_refuses_while_nobody_validates",),
    ),
    "4. generate the manifest": Shown(
        ("mesh/test_guide_manifest.py::test_every_option_of_the_guides_template_is_in_the_manifest_and_in_the_review",),
        ("mesh/test_guide_manifest.py::test_settings_that_the_target_does_not_know_are_refused_before_anything",),
    ),
    "5. dry run and review": Shown(
        (
            "mesh/test_upgrade_istioctl.py::test_a_dry_run_changes_nothing",
            "cli/test_upgrade.py::test_the_difference_is_shown_and_nothing_is_written",
        ),
        (
            "mesh/test_upgrade_failures.py::test_what_the_server_refuses_stops_it_before_anything_is_changed",
            "cli/test_upgrade.py::test_no_terminal_and_no_yes",
        ),
    ),
    "6. apply": Shown(
        (
            "mesh/test_upgrade_istioctl.py::test_the_new_release_runs_and_every_object_of_it_is_proved",
            "mesh/test_upgrade_manifests.py::test_the_new_release_runs_and_every_object_of_it_is_proved",
        ),
        (
            "mesh/test_upgrade_failures.py::test_a_refusal_in_the_middle_is_taken_back",
            "cli/test_upgrade.py::test_what_an_operator_installs_is_left_to_it",
        ),
    ),
    "7. validate": Shown(
        ("mesh/test_validate.py::test_a_healthy_mesh_is_valid_and_what_was_not_asked_is_said",),
        ("mesh/test_upgrade_failures.py::test_a_mesh_that_does_not_validate_is_told_what_fails_and_goes_back",),
    ),
    "8. restart the control plane": Shown(
        ("mesh/test_restart_parts.py::test_what_istiod_reads_once_restarts_it_and_nothing_else",),
        ("mesh/test_restart_limits.py::test_who_may_not_restart_istiod_is_refused_by_name",),
    ),
    "9. restart workloads": Shown(
        ("mesh/test_upgrade_istioctl.py::test_what_ran_an_outdated_proxy_is_restarted_once_and_nothing_else",),
        ("mesh/test_restart_stopped.py::test_a_budget_is_waited_for_and_nothing_happens_if_it_stays_so",),
    ),
    "10. post-upgrade": Shown(
        (
            "mesh/test_upgrade_istioctl.py::test_what_a_pipeline_needs_is_written_where_it_was_asked_for",
            "mesh/test_upgrade_istioctl.py::test_a_second_run_finds_nothing_to_do_and_restarts_nothing",
        ),
        ("mesh/test_guide_manifest.py::test_a_folder_that_is_a_file_is_refused_before_anything",),
    ),
    "11. troubleshooting and rollback": Shown(
        (
            "mesh/test_upgrade_failures.py::test_pods_that_never_get_ready_end_with_the_cause_and_abort_goes_back",
            "mesh/test_upgrade_failures.py::test_auto_rollback_goes_back_by_itself_and_proves_it",
        ),
        ("mesh/test_upgrade_failures.py::test_auto_rollback_that_is_refused_names_what_comes_next",),
    ),
}


def function(place: str) -> ast.FunctionDef:
    """The test of this name."""
    file, _, name = place.partition("::")
    module = ast.parse((TESTS / file).read_text())
    return next(node for node in module.body if isinstance(node, ast.FunctionDef) and node.name == name)


def exit_codes(test: ast.FunctionDef) -> Iterator[object]:
    """The exit codes that a test insists on: `ending(3, …)`, `failed(3)`, `code=3`, `.code == 3`."""
    for node in ast.walk(test):
        match node:
            case ast.Call(ast.Attribute(attr="ending" | "failed" | "done"), [ast.Constant(code), *_]):
                yield code
            case ast.keyword("code", ast.Constant(code)):
                yield code
            case ast.Compare(ast.Attribute(attr="code"), [ast.Eq()], [ast.Constant(code)]):
                yield code


@pytest.mark.parametrize("step", GUIDE)
def test_each_step_is_shown_doing_its_work(step: str) -> None:
    for place in GUIDE[step].working:
        assert any(isinstance(node, ast.Assert) for node in ast.walk(function(place))), f"{place} checks nothing"


@pytest.mark.parametrize("step", GUIDE)
def test_each_step_is_shown_refusing(step: str) -> None:
    for place in GUIDE[step].refusing:
        codes = set(exit_codes(function(place)))
        assert codes & {3, 4}, f"{place} insists on no refusal"


def test_what_insists_on_no_refusal_is_noticed() -> None:
    (step,) = (each for name, each in GUIDE.items() if name.startswith("7."))
    assert not set(exit_codes(function(step.working[0]))) & {3, 4}
