"""A workspace in miniature: faces with a pattern for each emotion, and linear nets that know it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from onnx import helper
from tiny_bundle import net

from emotiw_cli.artefact import Artefact, reference, write_json, write_manifest
from emotiw_cli.bundle.seen import digest_numbers
from emotiw_cli.data.faces import DATASET, INDEX, Faces
from emotiw_cli.data.index import FaceRow, write_index
from emotiw_cli.data.shards import shard_name, write_shard
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.faces.images import pixel_digest
from emotiw_cli.inputs.preprocessing import Preprocessing
from emotiw_cli.inputs.representation import Representation

SIDE = 16
PREPROCESSING = Preprocessing(
    "grey", (SIDE, SIDE), resize=8, crop=8, crops="mirror", mean=(125.0, 125.0, 125.0), scale=0.01
)
_PATTERNS = np.random.default_rng(77).uniform(70, 180, (7, SIDE, SIDE, 1))


def toy_faces(
    work: Path,
    name: str = "toy",
    *,
    train: int = 35,
    validation: int = 70,
    misses: int = 0,
    noise: float = 40,
    votes: bool = True,
    groups: Sequence[str] = (),
    seed: int = 0,
) -> Artefact:
    """Write faces: `train`, then `validation` rows, emotions in turn; then `misses` without one."""
    folder = work / "faces" / name
    folder.mkdir(parents=True)
    generator = np.random.default_rng(seed)
    rows, pictures = [], []
    for number in range(train + validation + misses):
        emotion = number % 7
        picture = _PATTERNS[emotion] + generator.normal(0, noise, (SIDE, SIDE, 1))
        picture = np.repeat(picture.clip(0, 255).astype(np.uint8), 3, axis=2)
        miss = number >= train + validation
        rows.append(
            FaceRow(
                number,
                f"{number:04d}.png",
                status="no_face" if miss else "ok",
                split="train" if number < train else "validation",
                label=EMOTIONS[emotion],
                votes=tuple(8.0 if c == emotion else 0.5 for c in range(7)) if votes else (),
                group=groups[number % len(groups)] if groups else "",
                width=SIDE,
                height=SIDE,
                pixels=pixel_digest(picture),
                shard=-1 if miss else 0,
                offset=-1 if miss else number,
            )
        )
        pictures.append(picture)
    write_index(folder / INDEX, rows)
    write_shard(folder / shard_name(0), DATASET, np.stack(pictures[: train + validation]))
    return write_manifest(
        folder,
        "faces",
        parameters={"size": [SIDE, SIDE], "detail": None},
        inputs=[],
        outputs=[INDEX, shard_name(0)],
        counts={"faces": train + validation},
        licences=["toy data, free"],
    )


def toy_model(
    work: Path,
    name: str,
    faces: Artefact,
    *,
    skill: float = 1.0,
    seed: int = 0,
    preprocessing: Preprocessing = PREPROCESSING,
) -> Artefact:
    """Write a model whose linear net knows the patterns, the better the higher `skill`."""
    generator = np.random.default_rng(seed)
    patterns = np.stack(
        [preprocessing.crops_of(_raw(p.astype(np.uint8).repeat(3, 2)))[0] for p in _PATTERNS]
    ).reshape(7, -1)
    weights = skill * patterns + generator.normal(0, 0.05, patterns.shape)
    weights = weights.astype(np.float32)
    folder = work / "models" / name
    folder.mkdir(parents=True)
    write_linear_net(folder / "model.onnx", weights)

    source = Faces(faces)
    rows = [row for row in source.rows if row.status == "ok" and row.split == "validation"]
    crops = np.stack([preprocessing.crops_of(_raw(source.face(row.row))) for row in rows])
    logits = crops.reshape(*crops.shape[:2], -1).astype(np.float64) @ weights.T.astype(np.float64)
    shares = np.exp(logits - logits.max(axis=2, keepdims=True))
    write_validation(
        folder / "validation.npz",
        rows,
        (shares / shares.sum(axis=2, keepdims=True)).mean(axis=1),
    )
    trained = [row for row in source.rows if row.split == "train"]
    np.savez(
        folder / "seen.npz",
        pixels=np.unique(digest_numbers(row.pixels for row in trained)),
        groups=np.array(sorted({row.group for row in trained} - {""}), dtype=np.str_),
    )
    write_json(
        folder / "model.json",
        {
            "net": "linear",
            "task": "emotion",
            "classes": list(EMOTIONS),
            "prior": [1 / 7] * 7,
            "preprocessing": preprocessing.to_json(),
        },
    )
    return finish_model(folder, [reference(faces)])


def write_validation(path: Path, rows: Sequence[FaceRow], posteriors: np.ndarray) -> None:
    """Write a validation.npz as training does."""
    np.savez(
        path,
        rows=np.array([row.row for row in rows]),
        pixels=np.array([row.pixels for row in rows], dtype="U16"),
        groups=np.array([row.group for row in rows], dtype=np.str_),
        posteriors=posteriors,
        labels=np.array([EMOTIONS.index(row.label) for row in rows]),
        targets=np.stack([row.target() for row in rows]),
    )


def finish_model(folder: Path, inputs: Sequence[dict[str, str]]) -> Artefact:
    """Write the manifest of a model's folder, over an earlier one."""
    return write_manifest(
        folder,
        "models",
        parameters={},
        inputs=inputs,
        outputs=["model.json", "model.onnx", "validation.npz", "seen.npz"],
        licences=["toy data, free"],
    )


def change_validation(model: Artefact, **arrays: np.ndarray) -> Artefact:
    """Replace arrays of a model's validation.npz and finish the model again."""
    path = model.folder / "validation.npz"
    with np.load(path) as file:
        content = {name: file[name] for name in file.files}
    np.savez(path, **{**content, **arrays})
    return finish_model(model.folder, model.manifest["inputs"])


def write_linear_net(path: Path, weights: np.ndarray) -> None:
    """Write an ONNX net: logits = flattened input · weightsᵀ."""
    nodes = [
        helper.make_node("Flatten", ["input"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights"], ["logits"], transB=1),
    ]
    path.write_bytes(net(nodes, {"weights": weights}))


def toy_workspace(work: Path) -> list[str]:
    """Faces ``toy`` and three models ``good``, ``fair``, ``poor``; returns the models' names."""
    faces = toy_faces(work)
    for seed, (name, skill) in enumerate({"good": 0.5, "fair": 0.35, "poor": 0.1}.items()):
        toy_model(work, name, faces, skill=skill, seed=seed)
    return ["good", "fair", "poor"]


def _raw(face: np.ndarray) -> np.ndarray:
    return Representation.parse("grey").raw(face)
