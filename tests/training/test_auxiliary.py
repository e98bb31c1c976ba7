"""GoogLeNet with its auxiliary heads, trained for one step."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from emotiw_cli.artefact import read_json
from emotiw_cli.inputs.preprocessing import Preprocessing
from emotiw_cli.inputs.representation import Representation
from emotiw_cli.nets.layers import Dropout
from emotiw_cli.nets.registry import find_net
from emotiw_cli.training.distributed import joined
from emotiw_cli.training.faceset import FaceSet
from emotiw_cli.training.finetune import finetune
from emotiw_cli.training.recipe import Recipe


def test_a_step_trains_the_auxiliary_heads_and_the_net_leaves_without(
    make_faces: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Dropout, "forward", lambda self, x: x)
    work = make_faces(training=2, validation=1)
    recipe = Recipe(
        "googlenet",
        "grey",
        epochs=1,
        batch=2,
        learning_rate=0.01,
        weight_decay=0,
        warmup=0,
        augment="none",
        resize=224,
        crop=224,
        crops="centre",
    )
    with joined("cpu", 1) as process:
        model = finetune(work, ["tiny"], "m", recipe, process=process)

    torch.manual_seed(recipe.seed)
    net = find_net("googlenet").build(7)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    preprocessing = Preprocessing.from_json(read_json(model.folder / "model.json")["preprocessing"])
    faces = FaceSet(work, ["tiny"], Representation.parse("grey"))
    x = torch.from_numpy(np.concatenate([preprocessing.crops_of(faces.raw(n)) for n in (0, 1)]))
    wanted = torch.from_numpy(np.stack([faces.row(n).target() for n in (0, 1)]))
    with torch.no_grad():
        main, first, second = (F.cross_entropy(part.double(), wanted) for part in net.train()(x))
    line = np.genfromtxt(model.folder / "history.csv", delimiter=",", names=True)
    expected = float(main + 0.3 * first + 0.3 * second)
    assert line["training_loss"] == pytest.approx(expected, rel=1e-4)
    assert expected < 3 * math.log(7)  # not far from even posteriors, as a training must begin

    after = load_file(model.folder / "weights.safetensors")
    for name in ("conv1.weight", "aux1.conv.weight", "aux2.fc.bias", "aux2.head.bias", "head.bias"):
        assert not torch.equal(before[name], after[name]), name

    session = onnxruntime.InferenceSession(model.folder / "model.onnx")
    shapes = {output.name: output.shape for output in session.get_outputs()}
    assert shapes == {"logits": ["n", 7], "features": ["n", 1024]}
