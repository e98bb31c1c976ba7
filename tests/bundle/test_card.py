"""The model card names its ancestors, and no place on one machine."""

from __future__ import annotations

from pathlib import Path

from emotiw_cli.artefact import reference, write_manifest
from emotiw_cli.bundle.card import lineage, portable


def test_commands_lose_the_places_of_one_machine() -> None:
    command = "emotiw align '/home/ann/my sets/fer.zip' ../more/b.csv --licence 'free, of charge'"
    assert portable(command) == "emotiw align fer.zip b.csv --licence 'free, of charge'"


def test_ancestors_in_order_of_making(tmp_path: Path) -> None:
    def make(kind: str, name: str, *inputs: dict[str, str]):
        folder = tmp_path / kind / name
        folder.mkdir(parents=True)
        return write_manifest(folder, kind, parameters={}, inputs=inputs, outputs=[])

    faces = make("faces", "fer")
    codes = make("codes", "fer-r5", reference(faces))
    file = {"kind": "file", "name": "start.safetensors", "digest": "ab"}
    first = make("models", "first", reference(faces), file)
    gone = {"kind": "models", "name": "gone", "digest": "cd"}
    second = make("models", "second", reference(codes), reference(first), gone)
    names = [artefact.name for artefact in lineage(tmp_path, [second, first])]
    assert names == ["fer", "fer-r5", "first", "second"]
