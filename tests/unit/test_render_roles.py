from __future__ import annotations

import yaml

from kubectl_istio_upgrade.models.permissions import Grant, Permission, Use
from kubectl_istio_upgrade.render.roles import Subject, as_list, as_yaml, role_documents

GRANTS = (
    Grant(Permission("list", "", "pods"), Use.READING, "who runs a proxy"),
    Grant(Permission("get", "", "namespaces", name="kube-system"), Use.READING, "which cluster"),
    Grant(Permission("list", "apps", "deployments", "istio-system"), Use.READING, "workloads"),
    Grant(Permission("delete", "a.io", "bs"), Use.WRITING, "same reason"),
    Grant(Permission("get", "a.io", "bs"), Use.WRITING, "same reason"),
    Grant(Permission("get", "a.io", "as"), Use.WRITING, "same reason"),
    Grant(Permission("delete", "a.io", "as"), Use.WRITING, "same reason"),
    Grant(Permission("get", "c.io", "ds"), Use.WRITING, "same reason"),
)


def test_a_rule_grants_what_was_meant_and_nothing_else() -> None:
    """Types share a rule only within a group: a rule with two groups grants the types of each in the other."""
    found = set()
    for document in role_documents(GRANTS, ()):
        body = document.body
        for rule in body["rules"]:
            (group,), (name,) = rule["apiGroups"], rule.get("resourceNames", [""])
            where = body["metadata"].get("namespace", "")
            found |= {Permission(v, group, plural, where, name) for v in rule["verbs"] for plural in rule["resources"]}
    assert found == {grant.permission for grant in GRANTS}


def test_reasons_are_comments_and_the_rest_is_what_json_has() -> None:
    documents = role_documents(GRANTS, (Subject("User", "jane"),))
    text = as_yaml(documents)
    assert list(yaml.safe_load_all(text)) == as_list(documents)["items"]
    assert "# who runs a proxy\n- apiGroups:" in text
    assert text.count("# same reason") == 2
    assert "--dry-run" in text
    assert max(map(len, text.splitlines())) <= 112


def test_bindings_bind_each_role_where_it_is() -> None:
    subjects = (Subject("Group", "sre"), Subject("ServiceAccount", "bot", "ci"))
    bodies = [document.body for document in role_documents(GRANTS, subjects)]
    assert [(body["kind"], body["metadata"]) for body in bodies] == [
        ("ClusterRole", {"name": "kubectl-istio-upgrade-reader"}),
        ("Role", {"name": "kubectl-istio-upgrade-reader", "namespace": "istio-system"}),
        ("ClusterRole", {"name": "kubectl-istio-upgrade-writer"}),
        ("ClusterRoleBinding", {"name": "kubectl-istio-upgrade-reader"}),
        ("RoleBinding", {"name": "kubectl-istio-upgrade-reader", "namespace": "istio-system"}),
        ("ClusterRoleBinding", {"name": "kubectl-istio-upgrade-writer"}),
    ]
    assert bodies[3]["subjects"] == [
        {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "sre"},
        {"kind": "ServiceAccount", "name": "bot", "namespace": "ci"},
    ]
    assert bodies[4]["roleRef"]["kind"] == "Role"
