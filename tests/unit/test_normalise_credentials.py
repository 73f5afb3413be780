"""Credentials outside of Secrets: what the rows find, what they must not find, and that nothing is lost by it."""

from __future__ import annotations

import base64
import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kubectl_istio_upgrade.canonical import haystack, same, to_yaml
from kubectl_istio_upgrade.models.objects import MeshObject
from kubectl_istio_upgrade.models.secrets import NO_VALUES, Values
from kubectl_istio_upgrade.normalise.credentials import hints, marks, masked, may_hold_credentials
from kubectl_istio_upgrade.normalise.secrets import (
    Redaction,
    as_written,
    digests_in,
    has_withheld_values,
    revealed,
    without_digests,
    without_values,
)
from kubectl_istio_upgrade.operations.records import safe_to_keep
from kubectl_istio_upgrade.rules.credentials import FIELDS, PATTERNS, SEARCH, CredentialField

from .builders import obj
from .test_normalise_secrets import Digester

HEX = "5f1d93abc07e4412" * 3
HEADERS = next(row for row in FIELDS if row.what == "header that carries a credential")
PEM = f"-----BEGIN RSA PRIVATE KEY-----\nMII{HEX}\n{HEX}==\n-----END RSA PRIVATE KEY-----"
JWT = f"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOi{HEX}.{HEX}"

CREDENTIALS = {
    "a digest of this program's own, in the cluster by mistake": f"hmac-sha256:{'0' * 64}",
    "private key": f"tls: |\n{PEM}\n",
    "private key in base64": f"key: {base64.b64encode(PEM.encode()).decode()}",
    "private key of age": f"AGE-SECRET-KEY-1{HEX.upper()}",
    "JSON web token": f"token {JWT}",
    "bearer token": f"Authorization: Bearer {HEX}",
    "HTTP basic authentication": "Basic dXNlcjpwYXNzd29yZA==",
    "password in a URL": "redis://user:hunter2@redis.shop:6379",
    "AWS access key": "AKIAIOSFODNN7EXAMPLE",
    "AWS secret key": f"aws_secret_access_key = {HEX[:40]}",
    "GitHub token": f"ghp_{HEX[:36]}",
    "GitLab token": f"glpat-{HEX[:20]}",
    "Slack token": "xoxb-123456789012-abcdef",
    "Slack webhook": "https://hooks.slack.com/services/T0123/B0123/abcdefghijkl",
    "Google key or token": f"AIza{HEX[:35]}",
    "key of a kubeconfig": f"    client-key-data: {HEX}",
    "token of a kubeconfig": f"users:\n- name: a\n  user:\n    token: opaque-{HEX}",
    "password of a container registry": '{"auths": {"r.example": {"auth": "dXNlcjpwYXNzd29yZA=="}}}',
    "access token of a tracing provider": f"  lightstep:\n    accessToken: {HEX}\n    address: a:80\n",
    "header of a provider": f"headers:\n- name: X-API-Key\n  value: {HEX}\n- name: b\n  value: c\n",
    "header of a provider, its value first": f"headers:\n- value: {HEX}\n  name: Authorization\nother: 1\n",
}

SPELLINGS = (
    '{"lightstep":{"accessToken":"SECRET","address":"a"}}',
    "lightstep: {access_token: SECRET}",
    "skywalking:\n  accessToken: 'SECRET'\n  service: x",
    'headers: [{"name":"DD-API-KEY","value":"SECRET"}]',
    'headers: [{"value":"SECRET","name":"DD-API-KEY"}]',
    "headers:\n- name: Authorization\n  value: Api-Token SECRET\n- name: plain\n",
    "headers:\n- name: authorization\n  value: Api-Token\n    SECRET\n    more\nservice: b\n",
    'headers:\n- name: "x-honeycomb-team"\n  value: >-\n    SECRET\nservice: b\n',
    "headers:\n- {name: signoz-ingestion-key, value: SECRET}\n- {name: plain, value: b}\n",
    "initialMetadata:\r\n- name: x-sf-token\r\n  value: SECRET\r\n",
)
"""Of Istio's own fields for credentials, in the texts in which meshes have them."""

HARMLESS = (
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    base64.b64encode(b"-----BEGIN CERTIFICATE-----\nMIIB").decode(),
    "bearer authentication is used, with bearer tokens from the token-service",
    "the basic idea; Basic authentication: on",
    "http://$(USER):$(PASSWORD)@host",
    "https://example.com:443/a@b",
    "spiffe://cluster.local/ns/shop/sa/web",
    "sds-token: istio-token, token: third-party-jwt",
    "/var/run/secrets/istio-dns/client-key.pem",
    "xoxo",
    "%REQ(AUTHORIZATION)%",
    "- name: TOKEN_AUDIENCES\n  value: istio-ca",
    "- name: istio-token\n  projected:\n    sources: []",
    "- name: x-api-key\n  value: '{{ .Values.key }}'",
    "- name: authorization\n  envName: AUTHORIZATION",
    '{"lightstep":{"accessToken":"","address":"a"}}',
    "accessToken: null\naddress: a",
)


def config(text: str) -> MeshObject:
    return obj("ConfigMap", "istio-system/a", data={"key": text, "other": "stays"})


def back(item: MeshObject) -> Any:
    return revealed(item.body, item.withheld)


def test_every_row_has_an_example() -> None:
    assert {row.what for row in PATTERNS} == set(CREDENTIALS)


@pytest.mark.parametrize("what", CREDENTIALS)
def test_a_credential_is_withheld_and_comes_back(what: str) -> None:
    text = CREDENTIALS[what]
    number = next(n for n, row in enumerate(PATTERNS) if row.what == what)
    match = SEARCH.search(text)
    assert match
    assert match.lastgroup == f"row{number}"
    for value in (text, json.dumps({"nested": text}), json.dumps(json.dumps({"deep": text}))):
        original = config(value)
        redacted = without_values(original, Digester())
        assert match[f"row{number}"] not in str(redacted), value
        assert redacted.body["data"]["other"] == "stays"
        assert has_withheld_values(redacted.body)
        assert same(back(redacted), original.body)


@pytest.mark.parametrize("text", SPELLINGS)
def test_a_credential_of_the_mesh_configuration_is_withheld_however_it_is_written(text: str) -> None:
    for secret in (HEX, "hunter2", "a+b/c=d.e:f"):
        written = text.replace("SECRET", secret)
        for value in (written, json.dumps({"nested": written}), json.dumps(json.dumps({"deep": written}))):
            redacted = without_values(config(value), Digester())
            assert secret not in str(redacted), value
            assert same(back(redacted), config(value).body)
            hidden = [str(each) for _, each in redacted.withheld.items()]
            assert all(word not in "".join(hidden) for word in ("service", "plain", "address")), hidden
            assert secret not in masked(value)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_resembles_one_stays(text: str) -> None:
    original = config(text)
    assert without_values(original, Digester()) is original


def test_no_mark_is_needed_twice_over() -> None:
    """The quick look never overlooks what the rows would find, in JSON as well."""
    for text in CREDENTIALS.values():
        hay = json.dumps({"a": text}, separators=(",", ":")).encode()
        assert hints().finds(hay) and marks().finds(hay), text


@example(("\x01u", "\x1fp\u00e4\u2028", "h"))
@given(st.tuples(*[st.text(st.characters(codec="utf-8"), max_size=8)] * 3))
def test_the_quick_look_never_overlooks_a_password_in_a_url(parts: tuple[str, str, str]) -> None:
    user, password, host = parts
    text = f"https://{user}:{password}pass@{host}"
    for value in (text, json.dumps({"deep": text})):
        hay = haystack({"a": value})
        assert (hints().finds(hay) and marks().finds(hay)) or not SEARCH.search(value)


@pytest.mark.parametrize("row", [row for row in FIELDS if row.hints], ids=lambda row: row.what)
@given(data=st.data())
def test_each_name_of_a_field_has_one_of_its_hints(row: CredentialField, data: st.DataObject) -> None:
    name = data.draw(st.from_regex(f"(?:{row.names})", fullmatch=True, alphabet=st.characters(codec="ascii")))
    assert hints().finds(haystack({name: "value"})), name
    assert hints().finds(haystack({"name": name, "value": "value"})), name
    assert hints().finds(haystack({"a": json.dumps({name: "value"})})), name


@given(st.from_regex(rf"name: (?:{HEADERS.names})\n", fullmatch=True, alphabet=st.characters(codec="ascii")))
def test_each_header_of_a_provider_has_one_of_its_hints(text: str) -> None:
    for value in (text, json.dumps(text), f"  - {text}", text.strip()):
        assert hints().finds(haystack({"mesh": value})), value


@pytest.mark.parametrize(
    "text", ["https://accounts.example.com", "https://a.example.com:8443/jwks", "oci://x.io/a@sha256:0"]
)
def test_a_url_without_a_password_costs_no_search(text: str) -> None:
    assert not marks().finds(haystack({"a": text}))


def test_only_the_credential_is_replaced_so_that_the_rest_is_still_compared() -> None:
    mesh = f"rootNamespace: istio-system\nheader: Bearer {HEX}\ntail: 1\n"
    text = without_values(config(mesh), Digester()).body["data"]["key"]
    assert text.startswith("rootNamespace: istio-system\nheader: Bearer hmac-sha256:")
    assert text.endswith("\ntail: 1\n")


def test_certificates_of_the_installation_are_no_credentials() -> None:
    """The format's own example, as a sample of what istioctl installs."""
    text = (Path(__file__).parents[2] / "snapshots/example/objects/core/configmaps/istio-system/istio.yaml").read_text()
    assert not SEARCH.search(text)


def envoy_filter(value: str, **more: Any) -> MeshObject:
    secret = {"name": "token", "generic_secret": {"secret": {"inline_string": value}}}
    lua = {"default_source_code": {"inline_string": "function envoy_on_request() end"}}
    patches = [{"patch": {"value": lua}}, {"patch": {"value": secret}}]
    return obj("EnvoyFilter", "istio-system/a", spec={"configPatches": patches}, **more)


def test_an_envoy_secret_is_one_by_its_place() -> None:
    redacted = without_values(envoy_filter("correct horse"), Digester())
    assert "correct horse" not in str(redacted)
    assert "envoy_on_request" in str(redacted.body)
    assert same(back(redacted), envoy_filter("correct horse").body)


def test_an_annotation_that_repeats_an_envoy_secret_is_withheld_as_a_whole() -> None:
    annotations = {
        "kubectl.kubernetes.io/last-applied-configuration": json.dumps(envoy_filter("battery staple").body),
        "note": "plain",
    }
    redacted = without_values(envoy_filter("x", annotations=annotations), Digester())
    assert "battery staple" not in str(redacted)
    assert redacted.annotations["note"] == "plain"
    assert same(back(redacted), envoy_filter("x", annotations=annotations).body)


def headers(*pairs: tuple[str, str]) -> list[Any]:
    return [{"name": name, "value": value} for name, value in pairs]


PLACES: dict[str, tuple[str, Any]] = {
    "an operator's tracing": (
        "IstioOperator",
        {"meshConfig": {"defaultConfig": {"tracing": {"lightstep": {"accessToken": "SECRET", "address": "plain"}}}}},
    ),
    "an operator's provider": (
        "IstioOperator",
        {"opentelemetry": {"http": {"headers": headers(("Authorization", "SECRET"), ("x", "plain"))}}},
    ),
    "the Sail operator's provider": (
        "Istio",
        {"values": {"envoyOtelAls": {"initialMetadata": headers(("x-api-key", "SECRET"), ("x", "plain"))}}},
    ),
    "a virtual service": (
        "VirtualService",
        {"http": [{"headers": {"request": {"set": {"x-api-key": "SECRET", "x-plain": "plain"}}}}]},
    ),
    "a route": (
        "HTTPRoute",
        {"filters": [{"requestHeaderModifier": {"set": headers(("authorization", "SECRET"), ("x", "plain"))}}]},
    ),
    "an Envoy configuration": (
        "EnvoyFilter",
        {"request_headers_to_add": [{"header": {"key": "X-Api-Key", "value": "SECRET"}, "append": "plain"}]},
    ),
    "a plugin's list": (
        "WasmPlugin",
        {"pluginConfig": {"basic_auth_rules": [{"credentials": ["ok:test", "SECRET"], "prefix": "plain"}]}},
    ),
    "a plugin's field": ("WasmPlugin", {"pluginConfig": {"auth": {"client_secret": "SECRET", "name": "plain"}}}),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_credential_by_its_place_is_withheld_and_so_is_the_annotation_that_repeats_it(place: str) -> None:
    kind, spec = PLACES[place]
    written = json.loads(json.dumps(spec).replace("SECRET", "correct horse"))
    copy_of = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(written), "note": "plain"}
    for around in ({}, copy_of):
        item = obj(kind, "istio-system/a", annotations=around, spec=written)
        redacted = without_values(item, Digester())
        assert "correct horse" not in str(redacted)
        assert "plain" in str(redacted.body["spec"])
        assert redacted.annotations.get("note") == around.get("note")
        assert same(back(redacted), item.body)


def test_headers_that_carry_no_credential_cost_no_search() -> None:
    match = [{"match": [{"headers": {"end-user": {"exact": "jason"}}}], "headers": {"request": {"set": {"a": "b"}}}}]
    assert not may_hold_credentials(obj("VirtualService", "shop/a", spec={"http": match}))


@pytest.mark.parametrize("name", ["Proxy-Authorization", "X-Api-Key", "DD-API-KEY", "x-apikey", "X-APIKey", "api-key",
    "x-sf-token", "X-Token", "TOKEN", "Client-Secret", "X-SECRET", "x-password", "PASSWORD", "X-Credential",
    "x-honeycomb-team", "Uptrace-Dsn"])  # fmt: skip
def test_the_quick_look_overlooks_no_header(name: str) -> None:
    item = obj("VirtualService", "shop/a", spec={"http": [{"headers": {"request": {"set": {name: "hunter2"}}}}]})
    assert "hunter2" not in str(without_values(item, Digester()).body)


def test_the_record_of_an_operation_has_no_credential_of_the_mesh_configuration() -> None:
    settings = PLACES["an operator's tracing"][1]
    record = {"request": {"settings": settings}, "settings": to_yaml(settings)}
    kept = safe_to_keep(record, Digester())
    assert "SECRET" in str(record)
    assert "SECRET" not in str(kept)
    assert "plain" in str(kept)


def test_a_credential_that_moves_within_a_list_is_the_same() -> None:
    item = envoy_filter("x")
    moved = obj("EnvoyFilter", "istio-system/a", spec={"configPatches": item.body["spec"]["configPatches"][::-1]})
    one, other = (without_values(each, Digester()) for each in (item, moved))
    assert digests_in(one.body) == digests_in(other.body) == one.withheld.digests


def test_the_same_credential_in_two_objects_does_not_show() -> None:
    one, other = (without_values(config(f"Bearer {HEX}"), Digester()) for _ in range(2))
    third = without_values(obj("ConfigMap", "istio-system/b", data={"key": f"Bearer {HEX}"}), Digester())
    assert digests_in(one.body) == digests_in(other.body)
    assert not digests_in(one.body) & digests_in(third.body)


def test_of_a_manifest_string_data_comes_back_as_it_was_written() -> None:
    written = obj(
        "Secret", "ns/a", data={"a": base64.b64encode(b"x").decode()}, stringData={"a": "x"}, stringdata={"b": "typo"}
    )
    redacted = as_written(written, Digester())
    assert same(back(redacted), written.body)
    assert set(redacted.body["data"]) == set(redacted.body["stringData"]) == {"a"}


def test_unknown_digests_stay_and_can_be_counted() -> None:
    redacted = without_values(obj("Secret", "ns/a", data={"a": "eA==", "b": "eQ=="}), Digester())
    known = Values({redacted.body["data"]["a"]: "eA=="})
    half = revealed(redacted.body, known)
    assert half["data"]["a"] == "eA=="
    assert digests_in(half) == {redacted.body["data"]["b"]}
    assert Redaction().revealed(redacted.body) is redacted.body


def test_bodies_digested_with_two_keys_compare_without_their_digests() -> None:
    one = {"a": ["x hmac-sha256:" + "0" * 64]}
    assert without_digests(one) == without_digests({"a": ["x hmac-sha256:" + "1" * 64]}) != without_digests({"a": []})


def test_values_cannot_get_out_by_accident() -> None:
    values = Values({"d": "correct horse"})
    holder = obj("Secret", "ns/a")
    holder = MeshObject(holder.key, holder.body, holder.server, values)
    assert "horse" not in f"{values!r}{values}{holder!r}"
    for leak in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            leak(values)
    with pytest.raises(TypeError):
        json.dumps({"values": values})
    assert holder == MeshObject(holder.key, holder.body, holder.server)


def test_values_of_many_objects_are_pooled() -> None:
    pool = Values({"a": 1, "b": 1}) | NO_VALUES | Values({"b": 2})
    assert (pool.get("a"), pool.get("b"), pool.get("c"), len(pool)) == (1, 2, None, 2)
