"""What CASIA-WebFace would take: rates measured here, and the hours and bytes that follow.

    python benchmarks/scale.py [--nets NAME …] [--json] [--rates FILE] [--page]

Measured on this machine, in CPU time of one thread, in which other programs' turns do not count:
aligning 250×250 photos with detection, and 112×112 crops without; LBP codes; reading faces from a
shard in no order; making training inputs; training each net. Bytes are counted on shards written
for the purpose. What a GPU does is not measured but assumed; the assumptions are options, and are
printed with the estimates. --rates takes what an earlier run with --json printed instead of
measuring; --page puts all of it into docs/scale.md.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import tempfile
import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
import torch
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from emotiw_cli.artefact import landing_file
from emotiw_cli.data.face_maker import FaceMaker
from emotiw_cli.data.index import FaceRow, write_index
from emotiw_cli.data.make_faces import SFEW_SIZE
from emotiw_cli.data.shards import ShardReader, shard_name, write_shard
from emotiw_cli.faces.detectors import DEFAULT_DETECTOR
from emotiw_cli.faces.images import load_image
from emotiw_cli.inputs.preprocessing import Preprocessing
from emotiw_cli.inputs.representation import Representation
from emotiw_cli.lbp.codes import lbp_codes, to_grey
from emotiw_cli.nets.registry import find_net
from emotiw_cli.training.augment import augmented

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "scale.md"
MARK = "<!-- measured by benchmarks/scale.py -->\n"
IMAGES, PEOPLE = 494_414, 10_572
NETS = ("vgg_s.emotiw", "vgg_m_2048", "vgg_m_4096", "googlenet", "mobilenet_v1")
SIDES = {"mobilenet_v1": (72, 64)}
PAPER_SIDES = (256, 224)
REPRESENTATIONS = ("rgb", "cyclic-1")
RADII = (1, 5, 10)
SHARD = 256
BATCH = 8
ASSUMED = ("flops", "gpu_cores", "node_cores", "speed", "shared", "network")


@dataclass(frozen=True)
class Assumed:
    """What is not measured.

    Attributes
    ----------
    flops : floating-point operations a second that a GPU sustains in training with bf16.
    gpu_cores, node_cores : processor cores beside each GPU, and of a node without one.
    speed : of such a core, relative to one here.
    shared : share of the ideal speed that several GPUs reach.
    network : bytes a second between CPU nodes.
    epochs, batch : of each pre-training; `recipes/levi-hassner-2015.toml` has the same.
    """

    flops: float = 50e12
    gpu_cores: int = 16
    node_cores: int = 32
    speed: float = 1.0
    shared: float = 0.9
    network: float = 1.25e9
    epochs: int = 5
    batch: int = 50


def cpu_seconds(call: Callable[[], Any], runs: int) -> float:
    """Median CPU time of this thread over `runs` calls, after one that warms up."""
    call()
    times = []
    for _ in range(runs):
        began = time.thread_time()
        call()
        times.append(time.thread_time() - began)
    return float(np.median(times))


def photo(side: int) -> bytes:
    """A JPEG of one face as WebFace has them: the photo in the examples at side × side pixels."""
    picture = load_image(ROOT / "examples" / "photos" / "grace_hopper.jpg")
    width = picture.shape[1]
    small = cv2.resize(picture[:width], (side, side), interpolation=cv2.INTER_AREA)
    stream = io.BytesIO()
    Image.fromarray(small).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def measure_align(runs: int) -> dict[str, float]:
    """Seconds a picture takes from its bytes to its face, and its bytes."""
    found = {}
    for name, side, detector in (("photos", 250, DEFAULT_DETECTOR), ("crops", 112, None)):
        content = photo(side)
        maker = FaceMaker(lambda row, content=content: content, SFEW_SIZE, detector=detector)
        row, face = maker(FaceRow(0, "photo.jpg"))
        if face is None:
            raise SystemExit(f"no face is found in the example photo at {side} px ({row.status})")
        found[f"align_{name}_s"] = cpu_seconds(
            lambda maker=maker: maker(FaceRow(0, "photo.jpg")), runs
        )
        found[f"source_{name}_bytes"] = float(len(content))
    return found


def measure_store(folder: Path, runs: int) -> dict[str, float]:
    """Bytes of a stored face and of its codes, and seconds to make and to read them."""
    maker = FaceMaker(lambda row: photo(250), SFEW_SIZE)
    row, face = maker(FaceRow(0, "0000045/001.jpg", label="0000045", group="0000045"))
    assert face is not None
    faces = np.repeat(face[None], SHARD, axis=0)
    faces = np.ascontiguousarray(faces + np.arange(SHARD, dtype=np.uint8)[:, None, None, None])
    write_shard(folder / shard_name(0), "faces", faces)
    write_index(folder / "index.csv", [row] * SHARD)
    found = {
        "face_bytes": (folder / shard_name(0)).stat().st_size / SHARD,
        "row_bytes": (folder / "index.csv").stat().st_size / SHARD,
    }
    grey = to_grey(faces[:64])
    for radius in RADII:
        codes = lbp_codes(grey, radius)
        found[f"codes_{radius}_bytes"] = float(codes[0].size)
        found[f"codes_{radius}_s"] = (
            cpu_seconds(lambda radius=radius: lbp_codes(to_grey(faces[:64]), radius), runs) / 64
        )
    reader = ShardReader(folder, "faces")
    order = np.random.default_rng(0).permutation(SHARD)
    found["read_s"] = (
        cpu_seconds(lambda: [reader.read(0, int(place)) for place in order], runs) / SHARD
    )
    return found


def measure_inputs(runs: int) -> dict[str, float]:
    """Seconds to make one training input of a face, by representation, at the papers' size."""
    face = FaceMaker(lambda row: photo(250), SFEW_SIZE)(FaceRow(0, "a.jpg"))[1]
    assert face is not None
    resize, crop = PAPER_SIDES
    found = {}
    for name in REPRESENTATIONS:
        preprocessing = Preprocessing(name, SFEW_SIZE, None, resize, crop, "ten")
        raw = Representation.parse(name).raw(face)
        found[f"input_{name}_s"] = cpu_seconds(
            lambda raw=raw, preprocessing=preprocessing: augmented(
                raw, preprocessing, "ten", seed=0, epoch=0, face=1
            ),
            runs * 4,
        )
    return found


def measure_net(name: str, runs: int) -> dict[str, float]:
    """Seconds and operations a training step takes for one face, and the net's size."""
    torch.manual_seed(0)
    crop = SIDES.get(name, PAPER_SIDES)[1]
    net = find_net(name).build(PEOPLE).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.001, momentum=0.9)
    inputs = torch.randn(BATCH, 3, crop, crop).to(memory_format=torch.channels_last)
    labels = torch.randint(PEOPLE, (BATCH,))

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        outputs = net(inputs)
        parts = outputs if isinstance(outputs, tuple) else (outputs,)
        sum(torch.nn.functional.cross_entropy(part, labels) for part in parts).backward()
        optimizer.step()

    with FlopCounterMode(display=False) as counter:
        step()
    return {
        "crop": crop,
        "parameters": sum(parameter.numel() for parameter in net.parameters()),
        "flops": counter.get_total_flops() / BATCH,
        "cpu_s": cpu_seconds(step, runs) / BATCH,
    }


def measure(nets: Sequence[str], runs: int) -> dict[str, Any]:
    """Everything that is measured."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        rates = {
            **measure_align(runs),
            **measure_store(Path(folder), runs),
            **measure_inputs(runs),
        }
    return {
        "machine": machine(),
        **rates,
        "nets": {name: measure_net(name, max(1, runs // 4)) for name in nets},
    }


def hours_on_gpus(net: dict[str, float], input_s: float, gpus: int, assumed: Assumed) -> float:
    """Hours of one pre-training: the GPUs' operations, or the inputs their processors make."""
    compute = net["flops"] / assumed.flops
    loading = input_s / assumed.speed / assumed.gpu_cores
    ideal = max(compute, loading) / gpus
    return IMAGES * assumed.epochs * ideal / (assumed.shared if gpus > 1 else 1) / 3600


def hours_on_nodes(net: dict[str, float], input_s: float, nodes: int, assumed: Assumed) -> float:
    """Hours of one pre-training on CPU nodes, which send all gradients around at every step."""
    steps = IMAGES // assumed.batch * assumed.epochs
    own = assumed.batch / nodes
    compute = own * (net["cpu_s"] + input_s) / assumed.speed / assumed.node_cores
    sent = 2 * (nodes - 1) / nodes * 4 * net["parameters"] / assumed.network
    return steps * (compute + sent) / 3600


def pages(measured: dict[str, Any], assumed: Assumed, nodes: Sequence[int]) -> str:
    """The measured rates and the estimates as Markdown."""
    rate = [
        ("align, 250×250 photos with detection", measured["align_photos_s"]),
        ("align, 112×112 crops, `--no-detect`", measured["align_crops_s"]),
        *((f"map, radius {radius}", measured[f"codes_{radius}_s"]) for radius in RADII),
        ("read a face from its shard (in the page cache)", measured["read_s"]),
        *((f"make a training input, {n}", measured[f"input_{n}_s"]) for n in REPRESENTATIONS),
    ]
    lines = [
        "## Measured",
        "",
        f"On one core of this machine ({measured['machine']}), CPU time:",
        "",
        "| stage | faces a second |",
        "| --- | --- |",
        *(f"| {name} | {1 / seconds:,.{1 if seconds > 0.02 else 0}f} |" for name, seconds in rate),
        "",
        "| net, 10,572 classes | input | parameters | operations a face, forth and back | "
        "faces a second in training |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| `{name}` | {net['crop']} px | {net['parameters'] / 1e6:.1f} M | "
            f"{net['flops'] / 1e9:.1f} G | {1 / net['cpu_s']:.2g} |"
            for name, net in measured["nets"].items()
        ),
        "",
        "## Bytes",
        "",
        "| what | one face | CASIA-WebFace |",
        "| --- | --- | --- |",
        *(
            f"| {name} | {size:,.0f} B | {size * IMAGES / 1e9:,.1f} GB |"
            for name, size in (
                ("aligned faces, colour, 143×181", measured["face_bytes"]),
                ("their index", measured["row_bytes"]),
                *((f"codes, radius {r}", measured[f"codes_{r}_bytes"]) for r in RADII),
            )
        ),
        "",
        "| checkpoint of a pre-training: weights, momentum, best weights | |",
        "| --- | --- |",
        *(
            f"| `{name}` | {12 * net['parameters'] / 1e9:.2f} GB |"
            for name, net in measured["nets"].items()
        ),
        "",
        "## Estimated",
        "",
        textwrap.fill(
            f"Not measured: a GPU that sustains {assumed.flops / 1e12:g} TFLOP/s in bf16 with "
            f"{assumed.gpu_cores} cores beside it; eight GPUs at {assumed.shared:.0%} of eight "
            f"times one; CPU nodes of {assumed.node_cores} cores with "
            f"{assumed.network * 8 / 1e9:g} Gbit/s between them; cores {assumed.speed:g} times as "
            "fast as the one here; disks that keep up. Eight GPUs have "
            f"{assumed.batch} faces each: with {assumed.batch} in all, sending and applying the "
            "gradients would take longer than computing them.",
            100,
        ),
        "",
    ]
    columns = ["one GPU", "8 GPUs", *(f"{n} CPU nodes" if n > 1 else "1 CPU node" for n in nodes)]
    cores = [assumed.gpu_cores, 8 * assumed.gpu_cores, *(n * assumed.node_cores for n in nodes)]
    table = []
    for name, key, shared in (
        ("align photos", "align_photos_s", True),
        ("align crops", "align_crops_s", True),
        *((f"map, radius {radius} (one process)", f"codes_{radius}_s", False) for radius in RADII),
    ):
        total = IMAGES * measured[key] / assumed.speed / 3600
        table.append([name, *(total / (count if shared else 1) for count in cores)])
    input_s = measured["input_rgb_s"]
    for name, net in measured["nets"].items():
        table.append(
            [
                f"pretrain `{name}`",
                *(hours_on_gpus(net, input_s, gpus, assumed) for gpus in (1, 8)),
                *(hours_on_nodes(net, input_s, count, assumed) for count in nodes),
            ]
        )
    lines += [
        f"Hours for {IMAGES:,} images of {PEOPLE:,} people; pre-training is {assumed.epochs} "
        f"epochs in batches of {assumed.batch}:",
        "",
        f"| stage | {' | '.join(columns)} |",
        f"| --- |{' --- |' * len(columns)}",
        *(f"| {row[0]} | {' | '.join(hours(value) for value in row[1:])} |" for row in table),
    ]
    return "\n".join(lines) + "\n"


def hours(value: float) -> str:
    """Two digits, no more than such an estimate has."""
    return f"{float(f'{value:.2g}'):,.10g}"


def machine() -> str:
    """The processor, as far as the system names it."""
    names = [
        line.split(":")[1].strip()
        for line in (
            Path("/proc/cpuinfo").read_text().splitlines()
            if Path("/proc/cpuinfo").is_file()
            else []
        )
        if line.startswith("model name")
    ]
    return names[0] if names else platform.processor() or platform.machine()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nets", nargs="*", default=NETS)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--nodes", type=int, nargs="*", default=[1, 4, 16])
    for name in ASSUMED:
        default = getattr(Assumed(), name)
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    parser.add_argument("--rates", type=Path, help="a file of an earlier --json")
    parser.add_argument("--json", action="store_true", help="print what is measured as JSON")
    parser.add_argument("--page", action="store_true", help="write it into docs/scale.md")
    options = parser.parse_args()
    if options.rates:
        measured = json.loads(options.rates.read_text(encoding="utf-8"))
    else:
        measured = measure(options.nets, options.runs)
    if options.json:
        print(json.dumps(measured, indent=1))
        return
    assumed = Assumed(**{name: getattr(options, name) for name in ASSUMED})
    text = pages(measured, assumed, options.nodes)
    if options.page:
        head = PAGE.read_text(encoding="utf-8").split(MARK)[0]
        with landing_file(PAGE, "w") as file:
            file.write(head + MARK + "\n" + text)
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
