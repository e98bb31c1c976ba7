from __future__ import annotations

import pytest
import scale

NET = {"crop": 224, "parameters": 250e6, "flops": 20e9, "cpu_s": 0.9}
RATES = {
    "machine": "an abacus",
    **dict.fromkeys(("align_photos_s", "align_crops_s", "read_s"), 0.1),
    **{f"codes_{radius}_s": 0.001 for radius in scale.RADII},
    **{f"codes_{radius}_bytes": 20_000.0 for radius in scale.RADII},
    **{f"input_{name}_s": 0.1 for name in scale.REPRESENTATIONS},
    "face_bytes": 80_000.0,
    "row_bytes": 900.0,
    "nets": {"a_net": NET},
}


def test_gpus_wait_for_their_operations_or_for_their_inputs() -> None:
    assumed = scale.Assumed(flops=40e12, gpu_cores=10, shared=0.5, epochs=2)
    faces = 2 * scale.IMAGES
    # 20 G operations take 0.5 ms; an input of 1 ms on one of ten cores is there after 0.1 ms.
    assert scale.hours_on_gpus(NET, 0.001, 1, assumed) == pytest.approx(faces * 0.5e-3 / 3600)
    assert scale.hours_on_gpus(NET, 0.1, 1, assumed) == pytest.approx(faces * 0.01 / 3600)
    assert scale.hours_on_gpus(NET, 0.001, 8, assumed) == pytest.approx(
        faces * 0.5e-3 / 8 / 0.5 / 3600
    )


def test_nodes_compute_their_share_and_send_all_gradients() -> None:
    assumed = scale.Assumed(node_cores=10, network=1e9, batch=50, epochs=1)
    steps = scale.IMAGES // 50
    assert scale.hours_on_nodes(NET, 0.1, 1, assumed) == pytest.approx(steps * 50 * 0.1 / 3600)
    # two nodes: 25 faces a tenth of a second each, and half of 1 GB out and half in
    assert scale.hours_on_nodes(NET, 0.1, 2, assumed) == pytest.approx(steps * (2.5 + 1) / 3600)


@pytest.mark.parametrize(
    ("value", "text"), [(0.0345, "0.035"), (7.25, "7.2"), (99.6, "100"), (1234.5, "1,200")]
)
def test_hours_have_two_digits(value: float, text: str) -> None:
    assert scale.hours(value) == text


def test_the_page_says_what_is_assumed() -> None:
    text = scale.pages(RATES, scale.Assumed(), [1, 4])
    told = " ".join(text.split())
    assert "On one core of this machine (an abacus)" in text
    assert "Not measured: a GPU that sustains 50 TFLOP/s in bf16 with 16 cores beside it" in told
    assert "| aligned faces, colour, 143×181 | 80,000 B | 39.6 GB |" in text
    assert "| stage | one GPU | 8 GPUs | 1 CPU node | 4 CPU nodes |" in text
    # 494,414 photos of a tenth of a second: 13.7 hours of a core, 16 and 128 and 32 and 128 cores
    assert "| align photos | 0.86 | 0.11 | 0.43 | 0.11 |" in text
