"""Finding and verifying bundles."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from tiny_bundle import (
    mean_net,
    net,
    preprocessing,
    random_net,
    rewrite_spec,
    write_bundle_folder,
    write_tiny_bundle,
)

from emotiw_cli.bundle import load
from emotiw_cli.bundle.load import find_bundle, load_bundle, verify_bundle
from emotiw_cli.bundle.schema import CARD, DIGEST, SPEC
from emotiw_cli.errors import ArtefactError, TamperedError


def content_of(bundle: Path) -> dict:
    return json.loads((bundle / SPEC).read_text())


def test_loads_a_folder(tiny_bundle: Path) -> None:
    bundle = load_bundle(tiny_bundle)
    assert bundle.spec.name == "tiny"
    assert [member.name for member in bundle.spec.members] == ["m0-rgb", "m1-cyclic-2"]
    assert verify_bundle(tiny_bundle).to_json() == bundle.spec.to_json()


def test_finds_a_bundle_of_the_workspace_by_name(tmp_path: Path) -> None:
    made = write_tiny_bundle(tmp_path / "work" / "bundles" / "mine")
    assert find_bundle("mine", tmp_path / "work") == made


def test_default_is_the_pinned_shipped_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = write_tiny_bundle(tmp_path / "shipped" / "first")
    pin = hashlib.sha256((shipped / SPEC).read_bytes()).hexdigest()
    monkeypatch.setattr(load, "SHIPPED_FOLDER", tmp_path / "shipped")
    monkeypatch.setattr(load, "DEFAULT_NAME", "first")
    monkeypatch.setattr(load, "SHIPPED", {"first": pin})
    assert load_bundle().folder == shipped
    assert load_bundle("first").folder == shipped

    # A bundle that is whole in itself, but not the one emotiw was released with.
    rewrite_spec(shipped, content_of(shipped) | {"licence": "none"})
    with pytest.raises(TamperedError, match=r"bundle\.json"):
        load_bundle()


def test_unknown_name_lists_what_there_is(tmp_path: Path) -> None:
    write_tiny_bundle(tmp_path / "bundles" / "mine")
    (tmp_path / "bundles" / "half-written").mkdir()
    with pytest.raises(ArtefactError, match=r"no bundle 'yours' \(there are: .*mine") as refused:
        load_bundle("yours", work=tmp_path)
    assert "half-written" not in str(refused.value)


@pytest.mark.parametrize("name", [SPEC, CARD, "m1-cyclic-2.onnx"])
def test_a_changed_byte_is_refused_by_name(tiny_bundle: Path, name: str) -> None:
    content = bytearray((tiny_bundle / name).read_bytes())
    content[len(content) // 2] ^= 1
    (tiny_bundle / name).write_bytes(content)
    for check in (load_bundle, verify_bundle):
        with pytest.raises(TamperedError, match=rf"{name} is not the file .*copy the"):
            check(tiny_bundle)
    assert TamperedError.exit_code == 8


def test_in_the_background_a_changed_member_is_refused_before_it_answers(tiny_bundle: Path) -> None:
    (tiny_bundle / "m0-rgb.onnx").write_bytes(random_net(3))
    bundle = load_bundle(tiny_bundle, wait=False)
    with pytest.raises(TamperedError):
        bundle.posteriors([np.zeros((60, 48, 3), np.uint8)])
    with pytest.raises(TamperedError):
        bundle.wait()


@pytest.mark.parametrize("name", [SPEC, DIGEST, "m0-rgb.onnx"])
def test_a_missing_file_is_refused(tiny_bundle: Path, name: str) -> None:
    (tiny_bundle / name).unlink()
    with pytest.raises(ArtefactError, match="again"):
        load_bundle(tiny_bundle)


def test_a_newer_schema_is_refused(tiny_bundle: Path) -> None:
    rewrite_spec(tiny_bundle, content_of(tiny_bundle) | {"schema": 3, "new": True})
    with pytest.raises(ArtefactError, match=r"schema 3, newer than the 2 .* update emotiw"):
        load_bundle(tiny_bundle)


def test_a_file_outside_the_bundle_is_refused(tiny_bundle: Path) -> None:
    content = content_of(tiny_bundle)
    content["files"]["../outside"] = "0" * 64
    rewrite_spec(tiny_bundle, content)
    with pytest.raises(ArtefactError, match="outside the bundle"):
        load_bundle(tiny_bundle)


def test_an_unrecorded_member_is_refused(tiny_bundle: Path) -> None:
    content = content_of(tiny_bundle)
    del content["files"]["m0-rgb.onnx"]
    rewrite_spec(tiny_bundle, content)
    with pytest.raises(ArtefactError, match="m0-rgb has no recorded file"):
        load_bundle(tiny_bundle)


def test_a_member_for_other_faces_is_refused(tiny_bundle: Path) -> None:
    content = content_of(tiny_bundle)
    content["face"]["detail"] = 24
    rewrite_spec(tiny_bundle, content)
    with pytest.raises(ArtefactError, match="other faces"):
        load_bundle(tiny_bundle)


@pytest.mark.parametrize(
    ("model", "trouble"),
    [
        (b"not a net", "cannot be run"),
        (net([], {"logits": np.zeros((1, 3), np.float32)}, classes=3), "7 emotions"),
    ],
)
def test_what_is_no_net_of_the_emotions_is_refused(
    tmp_path: Path, model: bytes, trouble: str
) -> None:
    members = [(preprocessing("rgb"), mean_net(np.zeros((3, 7)))), (preprocessing("rgb"), model)]
    with pytest.raises(ArtefactError, match=trouble):
        load_bundle(write_bundle_folder(tmp_path / "odd", members))
