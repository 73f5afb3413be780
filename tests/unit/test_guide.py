"""The upgrade guide, step by step: where the step is shown doing its work, and where it is shown refusing."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

GUIDE = {
    "1. planning": (
        "mesh/test_assessment.py::test_the_plan_for_the_next_release",
        "mesh/test_assessment.py::test_a_missing_permission_is_refused_by_name",
    ),
    "2. prepare istioctl": (
        "mesh/test_assessment.py::test_the_real_istioctl_is_fetched_and_used",
        "mesh/test_assessment.py::test_an_istioctl_of_another_release_is_refused",
    ),
    "3. precheck": (
        "mesh/test_assessment.py::test_precheck_has_istioctls_findings_in_its_table",
        "mesh/test_assessment.py::test_precheck_refuses_while_nobody_validates",
    ),
    "4. generate the manifest": (
        "mesh/test_guide_manifest.py::test_every_option_of_the_guides_template_is_in_the_manifest_and_in_the_review",
        "mesh/test_guide_manifest.py::test_settings_that_the_target_does_not_know_are_refused_before_anything",
    ),
    "5. dry run and review": (
        "mesh/test_upgrade_istioctl.py::test_a_dry_run_changes_nothing",
        "mesh/test_upgrade_failures.py::test_what_the_server_refuses_stops_it_before_anything_is_changed",
    ),
    "6. apply": (
        "mesh/test_upgrade_istioctl.py::test_the_new_release_runs_and_every_object_of_it_is_proved",
        "mesh/test_upgrade_failures.py::test_a_refusal_in_the_middle_is_taken_back",
    ),
    "7. validate": (
        "mesh/test_validate.py::test_a_healthy_mesh_is_valid_and_what_was_not_asked_is_said",
        "mesh/test_upgrade_failures.py::test_a_mesh_that_does_not_validate_is_told_what_fails_and_goes_back",
    ),
    "8. restart the control plane": (
        "mesh/test_restart_parts.py::test_what_istiod_reads_once_restarts_it_and_nothing_else",
        "mesh/test_restart_parts.py::test_what_istiod_follows_while_it_runs_restarts_nothing",
    ),
    "9. restart workloads": (
        "mesh/test_upgrade_istioctl.py::test_what_ran_an_outdated_proxy_is_restarted_once_and_nothing_else",
        "mesh/test_restart_stopped.py::test_a_budget_is_waited_for_and_nothing_happens_if_it_stays_so",
    ),
    "10. post-upgrade": (
        "mesh/test_upgrade_istioctl.py::test_what_a_pipeline_needs_is_written_where_it_was_asked_for",
        "mesh/test_guide_manifest.py::test_a_folder_that_is_a_file_is_refused_before_anything",
    ),
    "11. troubleshooting and rollback": (
        "mesh/test_upgrade_failures.py::test_auto_rollback_goes_back_by_itself_and_proves_it",
        "mesh/test_upgrade_failures.py::test_pods_that_never_get_ready_end_with_the_cause_and_abort_goes_back",
    ),
}


@pytest.mark.parametrize("step", GUIDE)
def test_each_step_is_shown_doing_its_work_and_refusing(step: str) -> None:
    for place in GUIDE[step]:
        file, _, name = place.partition("::")
        module = ast.parse((TESTS / file).read_text())
        found = next(node for node in module.body if isinstance(node, ast.FunctionDef) and node.name == name)
        checks = ("ok", "ending", "assert")
        assert any(
            isinstance(node, ast.Assert) or (isinstance(node, ast.Attribute) and node.attr in checks)
            for node in ast.walk(found)
        ), f"{place} checks nothing"
