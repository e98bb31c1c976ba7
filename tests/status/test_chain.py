"""A workspace of small hand-made artefacts, each state of which is made on purpose."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from emotiw_cli.artefact import Artefact, exclusive, reference, write_json, write_manifest
from emotiw_cli.errors import InputError
from emotiw_cli.status.chain import in_order, read_chain
from emotiw_cli.status.outline import outline
from emotiw_cli.status.words import age_text, flat, headline, next_step, size_text


def make(
    work: Path, key: str, *inputs: Artefact, content: str = "", **manifest: object
) -> Artefact:
    kind, name = key.split("/")
    folder = work / kind / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "content").write_text(content or key)
    return write_manifest(
        folder,
        kind,
        parameters=manifest.pop("parameters", {}),  # type: ignore[arg-type]
        inputs=[reference(one) for one in inputs],
        outputs=["content"],
        **manifest,  # type: ignore[arg-type]
    )


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """faces → codes → two models, one from the other, → bundle."""
    faces = make(tmp_path, "faces/a", counts={"faces": 9, "inputs": 10})
    codes = make(tmp_path, "codes/a-r5", faces, parameters={"radius": 5})
    first = make(tmp_path, "models/z-first", codes, faces)
    second = make(tmp_path, "models/m-second", codes, faces, first)
    make(tmp_path, "bundles/b", first, second, counts={"members": 2})
    return tmp_path


def states(work: Path, **options: bool) -> dict[str, str]:
    return {key: node.state for key, node in read_chain(work, **options).items()}


def test_a_whole_chain_is_ok_in_the_order_of_the_pipeline(work: Path) -> None:
    assert states(work) == {
        "faces/a": "ok",
        "codes/a-r5": "ok",
        "models/m-second": "ok",
        "models/z-first": "ok",
        "bundles/b": "ok",
    }


def test_nothing_is_an_empty_chain(tmp_path: Path) -> None:
    assert read_chain(tmp_path / "none") == {}
    assert "emotiw align" in next_step({})


def test_a_file_is_no_workspace(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file, not a workspace"):
        read_chain(tmp_path / "file")


def test_clips_alone_have_a_chain_of_their_own(tmp_path: Path) -> None:
    voice = make(tmp_path, "voices/v")
    assert "--voice VOICE" in next_step(read_chain(tmp_path))
    tubes = make(tmp_path, "tubes/t")
    assert "clips train faces" in next_step(read_chain(tmp_path))
    figures = {"validation": {"accuracy": {"value": 0.5, "low": 0.4, "high": 0.6}}}
    counts = {"clips": 1200}
    one = make(
        tmp_path, "modules/a", tubes, voice, parameters={"module": "voice"}, counts=counts,
        metrics=figures,
    )  # fmt: skip
    node = read_chain(tmp_path)["modules/a"]
    assert headline(node) == "voice, 1,200 clips, accuracy 0.5000 on validation"
    assert "clips fuse" in next_step(read_chain(tmp_path))
    plan = {"module": "fused", "method": "svm", "modules": ["a", "b"]}
    make(tmp_path, "modules/f", one, parameters=plan)
    assert headline(read_chain(tmp_path)["modules/f"]) == "a, b fused by svm"
    assert "clips bundle --fused f" in next_step(read_chain(tmp_path))
    make(tmp_path, "modules/g", one, parameters={"module": "fused", "applied": "f"})
    assert headline(read_chain(tmp_path)["modules/g"]) == "fused, by f"
    assert "clips bundle --fused f" in next_step(read_chain(tmp_path))


def test_what_was_made_from_a_changed_input_is_stale_all_the_way_down(work: Path) -> None:
    make(work, "faces/a", content="other")
    nodes = read_chain(work)
    assert nodes["faces/a"].state == "ok"
    assert nodes["codes/a-r5"].state == nodes["bundles/b"].state == "stale"
    assert nodes["codes/a-r5"].note == "faces/a has changed since"
    assert nodes["bundles/b"].note == "models/z-first is stale"
    assert next_step(nodes).startswith("Make codes/a-r5 again")


def test_a_model_is_stale_when_the_one_it_started_from_has_changed(work: Path) -> None:
    faces, codes = (
        Artefact(work / key, json.loads((work / key / "manifest.json").read_text()))
        for key in ("faces/a", "codes/a-r5")
    )
    make(work, "models/z-first", codes, faces, content="trained again")
    found = states(work)
    assert found["models/z-first"] == "ok"
    assert found["models/m-second"] == "stale"


def test_an_input_that_is_gone_is_told_and_nothing_is_stale(work: Path) -> None:
    for path in (work / "faces/a").iterdir():
        path.unlink()
    (work / "faces/a").rmdir()
    nodes = read_chain(work)
    assert nodes["codes/a-r5"].state == "ok"
    assert nodes["codes/a-r5"].note == "faces/a is no longer there"


@pytest.mark.parametrize("kind", ["faces", "groups"])
def test_half_written_faces_tell_their_shards(work: Path, kind: str) -> None:
    folder = work / kind / "half"
    folder.mkdir(parents=True)
    write_json(folder / "plan.json", {"pictures": 25, "inputs_per_shard": 10})
    for name in ("shard-00000.h5", "shard-00000.csv", "shard-00001.h5"):
        (folder / name).touch()
    node = read_chain(work)[f"{kind}/half"]
    assert (node.state, node.note) == ("half-written", "1 of 3 shards")


def test_half_written_codes_tell_their_shards(work: Path) -> None:
    faces = make(work, "faces/two")
    for shard in ("shard-00000.h5", "shard-00001.h5"):
        (faces.folder / shard).touch()
    faces = write_manifest(
        faces.folder,
        "faces",
        parameters={},
        inputs=[],
        outputs=["shard-00000.h5", "shard-00001.h5", "content"],
    )
    folder = work / "codes" / "two-r1"
    folder.mkdir()
    write_json(folder / "plan.json", {"radius": 1, "faces": faces.digest})
    (folder / "shard-00000.h5").touch()
    node = read_chain(work)["codes/two-r1"]
    assert (headline(node), node.note) == ("", "1 of 2 shards")


def test_a_half_trained_model_tells_its_epoch(work: Path) -> None:
    folder = work / "models" / "half"
    (folder / "checkpoint").mkdir(parents=True)
    assert read_chain(work)["models/half"].note == "no checkpoint yet"
    write_json(folder / "checkpoint" / "progress.json", {"step": 60, "steps": 240, "epochs": 12})
    assert read_chain(work)["models/half"].note == "checkpoint at epoch 3 of 12"


@pytest.mark.parametrize(
    ("content", "note"),
    [
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"schema": 99}', "has schema 99, this emotiw reads 1"),
        ('{"schema": 1, "kind": "codes"}', "is one of codes"),
        ('{"schema": 1, "kind": "faces", "inputs": []}', "cannot be read"),
    ],
)
def test_a_damaged_manifest_is_told(work: Path, content: str, note: str) -> None:
    (work / "faces/a/manifest.json").write_text(content)
    nodes = read_chain(work)
    assert nodes["faces/a"].state == "damaged"
    assert note in nodes["faces/a"].note
    assert nodes["codes/a-r5"].state == "ok"


def test_a_locked_artefact_is_being_written_until_its_process_dies(work: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from emotiw_cli.artefact import exclusive\n"
        "with exclusive(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(work / "faces/a")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        node = read_chain(work)["faces/a"]
        holder.kill()
    assert node.state == "being written"
    assert f"process {holder.pid}" in node.note
    assert states(work)["faces/a"] == "ok"


def test_looking_at_the_chain_takes_no_lock(work: Path) -> None:
    with exclusive(work / "faces/a"):
        pass
    read_chain(work)
    with exclusive(work / "faces/a"):
        pass


def test_verifying_finds_changed_and_missing_files(work: Path) -> None:
    (work / "faces/a/content").write_text("tampered")
    (work / "models/z-first/content").unlink()
    assert set(states(work).values()) == {"ok"}
    nodes = read_chain(work, verify=True)
    assert (nodes["faces/a"].state, nodes["faces/a"].note) == ("changed", "content has changed")
    assert nodes["models/z-first"].note == "content is missing"
    assert nodes["codes/a-r5"].state == "ok"


def test_size_and_age_are_those_on_disk(work: Path) -> None:
    os.utime(work / "faces/a/manifest.json", (1000, 1000))
    node = read_chain(work)["faces/a"]
    files = [path for path in (work / "faces/a").iterdir() if path.is_file()]
    assert node.size == sum(path.stat().st_size for path in files)
    assert node.changed == 1000


def test_each_artefact_stands_below_its_nearest_origins_and_is_described_once(work: Path) -> None:
    lines = [(line.guides + line.node.key, line.again) for line in outline(read_chain(work))]
    assert lines == [
        ("faces/a", False),
        ("└─ codes/a-r5", False),
        ("   └─ models/z-first", False),
        ("      └─ models/m-second", False),
        ("         └─ bundles/b", False),
    ]


def test_a_second_way_to_an_artefact_is_a_reference(tmp_path: Path) -> None:
    one, two = make(tmp_path, "models/one"), make(tmp_path, "models/two")
    make(tmp_path, "bundles/b", one, two)
    lines = [(line.guides + line.node.key, line.again) for line in outline(read_chain(tmp_path))]
    assert lines == [
        ("models/one", False),
        ("└─ bundles/b", False),
        ("models/two", False),
        ("└─ bundles/b", True),
    ]


def test_every_node_comes_after_what_it_was_made_from(work: Path) -> None:
    order = [node.key for node in in_order(read_chain(work))]
    assert order.index("models/z-first") < order.index("models/m-second")
    assert len(order) == 5


def test_headlines_name_the_key_figure(work: Path) -> None:
    make(
        work,
        "models/m",
        parameters={"task": "emotion", "recipe": {"net": "net", "representation": "grey"}},
        metrics={"accuracy": 0.8125},
    )
    make(
        work,
        "bundles/c",
        counts={"members": 4},
        metrics={"cross_validated": {"accuracy": {"value": 0.5}}},
    )
    make(work, "groups/g", counts={"inputs": 10, "faces": 1234})
    make(work, "features/g", parameters={"backbone": "faces-2"}, counts={"images": 10})
    nodes = read_chain(work)
    assert headline(nodes["groups/g"]) == "1,234 faces in 10 pictures"
    assert headline(nodes["features/g"]) == "10 pictures, by faces-2"
    assert headline(nodes["faces/a"]) == "9 faces of 10 pictures"
    assert headline(nodes["models/m"]) == "emotion, net, grey, accuracy 0.8125"
    assert headline(nodes["bundles/c"]) == "4 members, accuracy 0.5000 cross-validated"


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (999_700, "1 MB"), (616_000_000, "616 MB")],
)
def test_sizes_as_people_read_them(size: int, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(59, "now"), (60, "1 min"), (7199, "1 h"), (172_800, "2 d")]
)
def test_ages_as_people_read_them(seconds: int, text: str) -> None:
    assert age_text(1000.0, 1000.0 + seconds) == text


def test_nested_values_as_one_text() -> None:
    content = {
        "plan": {"folds": 5, "target": None},
        "size": [143, 181],
        "weights": [0.1] * 7,
        "inputs": [{"kind": "faces"}],
        "log_loss": {"value": 0.612345, "low": 0.5, "high": 0.75},
        "ece": {"value": 0.25, "low": None, "high": None},
    }
    assert flat(content) == ("plan folds 5, size 143 181, log loss 0.6123 (0.5 to 0.75), ece 0.25")
