"""Features of group photos in miniature: faces that lean towards their photo's emotion."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from emotiw_cli.artefact import Artefact, reference, write_manifest
from emotiw_cli.data.faces import INDEX
from emotiw_cli.data.index import FaceRow, write_index
from emotiw_cli.groups.features import FILE
from emotiw_cli.groups.landmarks import PAIRS
from emotiw_cli.groups.layout import CLASSES


def toy_features(
    work: Path,
    name: str = "toy",
    *,
    train: int = 60,
    validation: int = 45,
    unreadable: int = -1,
    seed: int = 0,
) -> Artefact:
    """Write the index of groups and their features: classes in turn, every tenth photo empty; the
    photo with the number `unreadable` is torn.
    """
    generator = np.random.default_rng(seed)
    count = train + validation
    labels = np.arange(count) % 3
    splits = ["train"] * train + ["validation"] * validation
    faces = generator.integers(1, 4, count)
    faces[::10] = 0
    image = np.repeat(np.arange(count), faces)
    lean = np.eye(3)[labels]
    embedding = np.hstack([lean, lean]) + generator.normal(0, 0.6, (count, 6))
    embedding[faces == 0] = np.nan
    landmarks = generator.random((len(image), PAIRS))
    landmarks[:, :300] += 0.25 * np.repeat(lean[image], 100, axis=1)
    posterior = generator.dirichlet(np.ones(7), len(image))
    rows = [
        FaceRow(
            number,
            f"{split}/{CLASSES[label]}/{number:03d}.jpg",
            status="ok" if there else "unreadable" if number == unreadable else "no_face",
            split=split,
            label=CLASSES[label],
            faces=int(there),
            pixels=f"{number + 1:016x}",
        )
        for number, (split, label, there) in enumerate(zip(splits, labels, faces, strict=True))
    ]
    groups = work / "groups" / name
    groups.mkdir(parents=True)
    write_index(groups / INDEX, rows)
    made_from = write_manifest(
        groups,
        "groups",
        parameters={
            "detector": "hog-haar",
            "size": [16, 16],
            "detail": None,
            "inputs_per_shard": 16,
        },
        inputs=[],
        outputs=[INDEX],
    )
    folder = work / "features" / name
    folder.mkdir(parents=True)
    with h5py.File(folder / FILE, "w") as file:
        file["embedding/net"] = embedding.astype(np.float32)
        file["faces/image"] = image.astype(np.int32)
        file["faces/posterior"] = posterior.astype(np.float32)
        file["faces/landmarks"] = landmarks.astype(np.float32)
        file["label"] = labels.astype(np.int8)
        for text in ("split", "path", "status"):
            values = [getattr(row, text) for row in rows]
            target = "name" if text == "path" else text
            file.create_dataset(target, data=values, dtype=h5py.string_dtype())
    return write_manifest(
        folder,
        "features",
        parameters={
            "bundle": "tiny",
            "backbone": "tiny",
            "embedding": None,
            "keys": {"net": 6},
        },
        inputs=[
            reference(made_from),
            {"kind": "file", "name": "tiny/bundle.json", "digest": "0" * 64},
        ],
        outputs=[FILE],
        licences=["toy data, free"],
    )
