from pathlib import Path

import numpy as np
import pytest

from emotiw_cli.errors import InputError, TamperedError
from emotiw_cli.lbp import palettes
from emotiw_cli.lbp.distances import METRICS
from emotiw_cli.lbp.palettes import apply_palette, palette


@pytest.mark.parametrize("metric", METRICS)
def test_palettes_span_the_bytes_and_are_read_only(metric: str) -> None:
    colours = palette(metric)
    assert (colours.shape, colours.dtype) == ((256, 3), np.uint8)
    assert (colours.min(), colours.max()) == (0, 255)
    with pytest.raises(ValueError, match="read-only"):
        colours[0] = 0


def test_every_metric_has_a_palette() -> None:
    assert set(palettes.SHA256) == set(METRICS)


@pytest.mark.parametrize("metric", ["regular", "cyclic"])
def test_golden_palettes(metric: str, shared: Path) -> None:
    with np.load(shared / "data" / "golden" / "mapped_lbp_luts.npz", allow_pickle=False) as golden:
        np.testing.assert_array_equal(palette(metric), golden[metric])


@pytest.mark.parametrize("metric", METRICS)
def test_compat_255_changes_one_colour(metric: str) -> None:
    compatible = palette(metric, compat_255=True)
    np.testing.assert_array_equal(compatible[255], palette(metric)[254])
    np.testing.assert_array_equal(compatible[:255], palette(metric)[:255])


def test_a_shuffled_palette_has_the_cyclic_colours_in_another_order_always_the_same() -> None:
    cyclic, deals = palette("cyclic"), [palette(name) for name in palettes.SHUFFLED]
    for dealt in deals:
        assert sorted(map(tuple, dealt.tolist())) == sorted(map(tuple, cyclic.tolist()))
        # A deal leaves about one code in its colour, a few more as some codes share theirs.
        assert (dealt == cyclic).all(axis=1).sum() <= 8
    assert len({dealt.tobytes() for dealt in deals}) == len(deals)
    # The first codes by SHA-256 of "shuffled1 0" to "shuffled1 255", found with sha256sum and sort.
    assert palettes._deal("shuffled1")[:3] == [154, 180, 86]
    with pytest.raises(ValueError, match="read-only"):
        deals[0][0] = 0


def test_refusals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="'hsv'"):
        palette("hsv")
    spoilt = tmp_path / "palettes.npz"
    np.savez(spoilt, cyclic=np.zeros((256, 3), np.uint8))
    monkeypatch.setattr(palettes, "_FILE", spoilt)
    palette.cache_clear()
    with pytest.raises(TamperedError, match="install emotiw again"):
        palette("cyclic")


def test_apply_palette() -> None:
    colours = palette("cyclic")
    codes = np.random.default_rng(0).integers(0, 256, (3, 20, 14), dtype=np.uint8)
    for some in (codes, codes[0], codes[0, :, ::2], codes[0, 0]):
        np.testing.assert_array_equal(apply_palette(some, colours), colours[some])
