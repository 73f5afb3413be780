from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import pytest

from kubectl_istio_upgrade.models.objects import MeshObject
from kubectl_istio_upgrade.normalise.secrets import has_withheld_values, revealed, without_values

from .builders import obj

CANARY = "correct-horse-battery"
ENCODED = base64.b64encode(CANARY.encode()).decode()
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class Digester:
    key_id = "k"

    def digest(self, context: str, value: bytes) -> str:
        return "hmac-sha256:" + hmac.new(b"key", context.encode() + b"\0" + value, hashlib.sha256).hexdigest()


def secret(value: str = ENCODED, **more: Any) -> MeshObject:
    return obj("Secret", "istio-system/a", data={"password": value}, **more)


def test_no_value_is_left_in_any_form() -> None:
    annotation = {
        LAST_APPLIED: f'{{"data":{{"password":"{ENCODED}"}},"stringData":{{"password":"{CANARY}"}}}}',
        "meta.helm.sh/release-name": "me",
    }
    redacted = without_values(secret(annotations=annotation, stringData={"other": CANARY}), Digester())
    assert CANARY not in str(redacted)
    assert ENCODED not in str(redacted)
    assert redacted.annotations["meta.helm.sh/release-name"] == "me"


def test_equal_values_have_equal_digests_and_others_do_not() -> None:
    first, again = without_values(secret(), Digester()), without_values(secret(), Digester())
    other = without_values(secret(base64.b64encode(b"x").decode()), Digester())
    assert first.body["data"] == again.body["data"] != other.body["data"]


def test_the_same_value_under_two_names_does_not_show() -> None:
    both = obj("Secret", "ns/a", data={"a": ENCODED, "b": ENCODED})
    data = without_values(both, Digester()).body["data"]
    assert data["a"] != data["b"]


def test_other_objects_are_left_alone() -> None:
    config = obj("ConfigMap", "ns/a", data={"a": "b"})
    assert without_values(config, Digester()) is config


def test_a_redacted_secret_knows_that_it_is() -> None:
    assert has_withheld_values(without_values(secret(), Digester()).body)
    assert not has_withheld_values(secret().body)
    assert not has_withheld_values(obj("Secret", "ns/empty").body)


def test_annotations_that_repeat_the_values_are_digested_whoever_wrote_them() -> None:
    redacted = without_values(
        secret(annotations={"kapp.k14s.io/original": f'{{"data":{{"password":"{ENCODED}"}}}}'}), Digester()
    )
    assert ENCODED not in str(redacted)


def test_string_data_becomes_data_as_on_the_server() -> None:
    written = obj("Secret", "istio-system/a", stringData={"password": CANARY})
    assert without_values(written, Digester()).body["data"] == without_values(secret(), Digester()).body["data"]
    assert "stringData" not in without_values(written, Digester()).body


@pytest.mark.parametrize(
    "written", [f"{ENCODED}\n", f"{ENCODED[:8]}\n{ENCODED[8:]}\n", f"{ENCODED[:8]}\r\n{ENCODED[8:]}"]
)
def test_base64_with_line_ends_is_the_value_that_the_server_reads_from_it(written: str) -> None:
    redacted = without_values(secret(written), Digester())
    assert redacted.body == without_values(secret(), Digester()).body
    assert revealed(redacted.body, redacted.withheld)["data"]["password"] == written, "it comes back as it was"


@pytest.mark.parametrize("written", ["no base64", "ÿ", f"{ENCODED}!"])
def test_what_is_no_base64_is_withheld_as_it_stands(written: str) -> None:
    redacted = without_values(secret(written), Digester())
    assert redacted.body != without_values(secret(), Digester()).body
    assert written not in str(redacted)


def test_a_value_that_is_no_text_is_for_the_server_to_refuse() -> None:
    assert has_withheld_values(without_values(obj("Secret", "istio-system/a", data={"a": 5}), Digester()).body)


def test_a_misspelled_field_hides_its_value_too() -> None:
    misspelled = obj("Secret", "istio-system/a", stringdata={"password": CANARY})
    assert CANARY not in str(without_values(misspelled, Digester()))
