"""How fast `emotiw predict` reads a clip, and how much memory a long one takes.

    python benchmarks/clips_speed.py [--seconds 30] [--long 1200] [--bundle NAME] [--work FOLDER]
        [--json]

The clips are made here, 640 × 360 at 30 frames a second: a photo's face that wanders over a plain
of noise, and a hum that passes for a voice; one has no face, the harder case, as no face lets the
detector stop early. The real-time factor is the whole command's time, start and all, over the
clip's length; below 1 is faster than real time. The processors' time over its length is told too:
other work on the machine does not count in it. Memory is the largest resident set of the command on
a clip of `--seconds` and on one of `--long` seconds. The bundle is the default one unless
`--bundle` names another, of the workspace `--work`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av
import numpy as np
from PIL import Image

SIZE, RATE = (640, 360), 30
PHOTO = Path(__file__).parents[1] / "examples" / "photos" / "grace_hopper.jpg"
SOUND_RATE = 48_000
_TIME = np.arange(SOUND_RATE) / SOUND_RATE
HUM = sum(np.sin(2 * np.pi * 150 * k * _TIME) / (8 * k) for k in range(1, 6)).astype(np.float32)
"""A second of a voice's pitch and first harmonics."""
HEAD = (100, 20, 420, 400)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--long", type=int, default=1200, help="0: leave the long clip out")
    parser.add_argument("--bundle", default="default")
    parser.add_argument("--work", default="work")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    bundle = ["--bundle", options.bundle, "--work", options.work]
    with tempfile.TemporaryDirectory() as folder:
        report: dict[str, float] = {}
        for name, seconds, face in (
            ("face", options.seconds, True),
            ("no_face", options.seconds, False),
            ("long", options.long, True),
        ):
            if seconds:
                clip = write(Path(folder) / f"{name}.mp4", seconds, face)
                took, worked, memory = measure(clip, bundle)
                report[f"{name}_s"] = seconds
                report[f"{name}_real_time_factor"] = round(took / seconds, 3)
                report[f"{name}_processor_factor"] = round(worked / seconds, 3)
                report[f"{name}_memory_mb"] = round(memory)
                if not options.json:
                    factors = f"{took / seconds:.3f}, of the processors {worked / seconds:.3f}"
                    told = f"{seconds} s, real-time factor {factors}, {memory:.0f} MB"
                    print(f"{name:10} {told}", flush=True)
    if options.json:
        print(json.dumps(report))


def write(path: Path, seconds: int, face: bool) -> Path:
    """Write a clip of so many seconds."""
    rng = np.random.default_rng(0)
    ground = rng.integers(60, 120, (SIZE[1] // 8, SIZE[0] // 8, 3), dtype=np.uint8)
    head = Image.open(PHOTO).convert("RGB").crop(HEAD).resize((200, 238))
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=RATE)
        video.width, video.height = SIZE
        video.pix_fmt, video.bit_rate = "yuv420p", 2_000_000
        sound = container.add_stream("aac", rate=SOUND_RATE)
        sound.layout = "mono"
        for number in range(seconds * RATE):
            picture = Image.fromarray(ground).resize(SIZE)
            if face:
                turn = 2 * np.pi * number / (10 * RATE)
                corner = (round(220 + 180 * np.sin(turn)), round(60 + 50 * np.cos(2 * turn)))
                picture.paste(head, corner)
            container.mux(video.encode(av.VideoFrame.from_image(picture)))
            if number % RATE == 0:
                hum = av.AudioFrame.from_ndarray(HUM[None], "fltp", "mono")
                hum.sample_rate, hum.pts = SOUND_RATE, number // RATE * SOUND_RATE
                container.mux(sound.encode(hum))
        container.mux(video.encode(None))
        container.mux(sound.encode(None))
    return path


def measure(clip: Path, bundle: list[str]) -> tuple[float, float, float]:
    """Seconds, seconds of processors and megabytes that the command takes for a clip."""
    rows = str(clip.with_suffix(".csv"))
    command = [sys.executable, "-m", "emotiw_cli", "predict", str(clip), "--csv", rows, *bundle]
    began = time.perf_counter()
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"predict ended with {process.returncode}")
    scale = 1 if sys.platform == "darwin" else 1024
    worked = usage.ru_utime + usage.ru_stime
    return time.perf_counter() - began, worked, usage.ru_maxrss * scale / 1e6


if __name__ == "__main__":
    main()
