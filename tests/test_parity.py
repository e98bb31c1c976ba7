"""One face, one answer, whichever way it is asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from emotiw_cli.bundle.load import load_bundle
from emotiw_cli.bundle.predict import predict_paths
from emotiw_cli.evaluation.evaluate import evaluate
from emotiw_cli.evaluation.source import find_faces

PHOTOS = Path(__file__).parents[1] / "examples" / "photos"


def test_predict_on_a_crop_is_what_evaluate_gives_and_grey_is_grey_in_rgb(tmp_path: Path) -> None:
    photo = Image.open(PHOTOS / "astronaut.png").convert("RGB")
    unsure = photo.crop((0, 250, 200, 450)).convert("L").resize((48, 48))  # no face at all
    pictures = {
        "happy/colour.png": photo.crop((160, 60, 290, 190)),
        "sad/grey.png": unsure,
        "sad/grey-in-rgb.png": unsure.convert("RGB"),
    }
    for name, picture in pictures.items():
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        picture.save(tmp_path / "set" / name)
    bundle = load_bundle()
    faces = find_faces(
        tmp_path / "work", str(tmp_path / "set"), bundle.spec, detect=False, workers=1
    )
    evaluation = evaluate(bundle, faces)
    paths = [str(tmp_path / "set" / row.path) for row in evaluation.rows]
    found = [face.posterior for (face,) in predict_paths(paths, detect=False)]
    np.testing.assert_allclose(found, evaluation.posteriors, atol=1e-6)
    by_name = {Path(path).stem: posterior for path, posterior in zip(paths, found, strict=True)}
    assert by_name["grey"] == by_name["grey-in-rgb"]
    assert max(by_name["grey"]) < 0.99  # a posterior that could move
