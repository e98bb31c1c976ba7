"""Every odd picture becomes upright RGB or is refused with the right status in one sentence."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from emotiw_cli.errors import InputError
from emotiw_cli.faces.images import ImageError, is_picture, load_image, pixel_digest

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
TINY = np.array([[RED, GREEN, BLUE], [WHITE, (0, 0, 0), (10, 20, 30)]], dtype=np.uint8)


def encoded(picture: Image.Image | np.ndarray, kind: str, **options: object) -> bytes:
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(picture)
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, bits: int, colour: int, *chunks: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join([chunk(b"IHDR", header), *chunks, chunk(b"IEND", b"")])


def refused(source: Path | bytes, **options: object) -> ImageError:
    with pytest.raises(ImageError) as caught:
        load_image(source, **options)
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    return caught.value


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("WEBP", {"lossless": True}),
    ],
)
def test_lossless_formats_give_the_same_pixels(kind: str, options: dict, tmp_path: Path) -> None:
    data = encoded(TINY, kind, **options)
    path = tmp_path / "wrong_extension.jpg"
    path.write_bytes(data)
    for image in (load_image(data), load_image(path)):
        assert np.array_equal(image, TINY)
        assert image.dtype == np.uint8
        assert image.flags.c_contiguous
        assert image.flags.writeable


def test_jpeg() -> None:
    image = load_image(encoded(np.full((9, 5, 3), (200, 100, 50), np.uint8), "JPEG", quality=95))
    assert image.shape == (9, 5, 3)
    assert np.abs(image.astype(int) - (200, 100, 50)).max() <= 3


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(kind: str, orientation: int) -> None:
    upright = np.zeros((32, 48, 3), np.uint8)
    upright[:16, :16] = RED
    upright[:16, 32:] = GREEN
    upright[16:, :16] = BLUE
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright.transpose(1, 0, 2)[::-1, ::-1],
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    image = load_image(encoded(np.ascontiguousarray(stored), kind, exif=exif, **options))
    assert image.shape == upright.shape
    assert image.flags.c_contiguous
    for y, x in ((8, 8), (8, 40), (24, 8), (24, 40)):
        assert np.abs(image[y, x].astype(int) - upright[y, x]).max() <= 5


def test_nonsense_orientation_and_damaged_exif_leave_the_picture_as_it_is() -> None:
    exif = Image.Exif()
    exif[0x0112] = 99
    assert np.array_equal(load_image(encoded(TINY, "PNG", exif=exif)), TINY)
    assert np.array_equal(load_image(encoded(TINY, "PNG", exif=b"Exif\0\0nonsense")), TINY)


def test_grey_16_bit_is_scaled_not_clipped() -> None:
    values = np.array([[0, 128, 129, 257], [32768, 65278, 65406, 65535]], np.uint16)
    # One step of 8 bits is 257 of 16: 128 / 257 rounds to 0, 129 / 257 to 1, 65406 / 257 to 254.
    grey = [[0, 0, 1, 1], [128, 254, 254, 255]]
    for kind in ("PNG", "TIFF"):
        image = load_image(encoded(values, kind))
        assert image[..., 0].tolist() == grey
        assert np.array_equal(image[..., 0], image[..., 1])
        assert np.array_equal(image[..., 0], image[..., 2])


def test_colour_16_bit() -> None:
    row = b"\0" + struct.pack(">3H", 0xFFFF, 0x8000, 0)
    image = load_image(png(1, 1, 16, 2, chunk(b"IDAT", zlib.compress(row))))
    assert image.tolist() == [[[255, 128, 0]]]


def test_transparency_lies_on_white() -> None:
    rgba = np.array([[(255, 0, 0, 255), (255, 0, 0, 0), (0, 0, 0, 51)]], np.uint8)
    on_white = [[[255, 0, 0], [255, 255, 255], [204, 204, 204]]]
    assert load_image(encoded(rgba, "PNG")).tolist() == on_white
    la = Image.fromarray(rgba).convert("LA")
    la.putdata([(0, 255), (0, 0), (0, 51)])
    grey_on_white = [[[0] * 3, [255] * 3, [204] * 3]]
    assert load_image(encoded(la, "PNG")).tolist() == grey_on_white


def test_palette_with_and_without_transparency() -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.putdata([0, 1])
    assert load_image(encoded(picture, "PNG")).tolist() == [[list(RED), list(BLUE)]]
    see_through = encoded(picture, "PNG", transparency=b"\xff\x00")
    assert load_image(see_through).tolist() == [[list(RED), list(WHITE)]]


def test_one_bit_and_grey() -> None:
    bits = Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1")
    assert load_image(encoded(bits, "PNG")).tolist() == [[[0] * 3, [255] * 3]]
    grey = np.array([[0, 7, 255]], np.uint8)
    assert load_image(encoded(grey, "PNG")).tolist() == [[[0] * 3, [7] * 3, [255] * 3]]


def test_cmyk_jpeg() -> None:
    for colour in (RED, GREEN, BLUE, WHITE):
        cmyk = Image.new("RGB", (16, 16), colour).convert("CMYK")
        image = load_image(encoded(cmyk, "JPEG", quality=95))
        assert image.shape == (16, 16, 3)
        assert np.abs(image.astype(int) - colour).max() <= 5


def test_one_pixel() -> None:
    assert load_image(encoded(TINY[:1, :1], "PNG")).tolist() == [[list(RED)]]


@pytest.mark.parametrize("kind", ["TIFF", "WEBP", "PNG"])
def test_of_several_frames_the_first(kind: str) -> None:
    first, second = (Image.new("RGB", (4, 4), colour) for colour in (RED, BLUE))
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(first, kind, save_all=True, append_images=[second], **options)
    assert np.array_equal(load_image(data), np.full((4, 4, 3), RED, np.uint8))


def test_of_a_phone_picture_with_a_depth_map_behind_it_the_picture() -> None:
    picture, behind = Image.new("RGB", (8, 8), WHITE), Image.new("RGB", (4, 4))
    data = encoded(picture, "MPO", save_all=True, append_images=[behind])
    assert np.array_equal(load_image(data), np.full((8, 8, 3), 255, np.uint8))


@pytest.mark.parametrize("kind", ["I", "F"])
def test_32_bit_grey_is_unsupported(kind: str) -> None:
    picture = Image.new(kind, (2, 2))
    assert refused(encoded(picture, "TIFF"), name="deep.tif").status == "unsupported"


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"GIF89a\x01\0\x01\0", "GIF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        (b"%PDF-1.7", "PDF"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    ],
)
def test_other_formats_are_unsupported_and_named(data: bytes, word: str) -> None:
    error = refused(data, name="picture.jpg")
    assert error.status == "unsupported"
    assert word in str(error)
    assert "picture.jpg" in str(error)


@pytest.mark.parametrize("data", [b"", b"hello, I am a text file\n", b"\xff", b"\x89PNG", b"BM"])
def test_what_is_no_picture_is_unreadable(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    error = refused(path)
    assert error.status == "unreadable"
    assert str(path) in str(error)
    assert isinstance(error, InputError)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_truncated_is_unreadable(kind: str, kept: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encoded(noise, kind)
    assert refused(data[: int(len(data) * kept)]).status == "unreadable"


def test_missing(tmp_path: Path) -> None:
    plain = tmp_path / "file"
    plain.touch()
    for path in (tmp_path / "no.jpg", plain / "no.jpg", Path("a\0b.jpg")):
        assert refused(path).status == "missing"


def test_folder_pipe_and_endless_name_are_unreadable(tmp_path: Path) -> None:
    assert refused(tmp_path).status == "unreadable"
    assert refused(tmp_path / ("ä" * 300)).status == "unreadable"
    pipe = tmp_path / "pipe.jpg"
    os.mkfifo(pipe)
    assert refused(pipe).status == "unreadable"


def test_non_ascii_name(tmp_path: Path) -> None:
    path = tmp_path / "Лицо 面 😀.png"
    path.write_bytes(encoded(TINY, "PNG"))
    assert np.array_equal(load_image(path), TINY)


def test_size_is_checked_in_the_header() -> None:
    # There is not a pixel behind this header: decoding it could only end as unreadable.
    error = refused(png(20000, 20000, 8, 2, chunk(b"IDAT", b"")), name="huge.png")
    assert error.status == "too_large"
    assert "20000×20000" in str(error)
    assert "huge.png" in str(error)


def test_size_cap_is_inclusive() -> None:
    data = encoded(TINY, "PNG")
    assert load_image(data, max_pixels=6).shape == (2, 3, 3)
    assert refused(data, max_pixels=5).status == "too_large"


def test_text_that_unpacks_to_gigabytes_is_refused() -> None:
    text = chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(50_000_000)))
    pixels = chunk(b"IDAT", zlib.compress(bytes(4)))
    assert load_image(png(1, 1, 8, 2, pixels)).tolist() == [[[0, 0, 0]]]
    assert refused(png(1, 1, 8, 2, text, pixels)).status == "unreadable"


@given(st.binary(max_size=200), st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM"]))
def test_rubbish_never_escapes_as_another_error(rubbish: bytes, magic: bytes) -> None:
    try:
        image = load_image(magic + rubbish)
    except ImageError:
        return
    assert image.ndim == 3


@given(st.data())
def test_a_flipped_byte_never_escapes_as_another_error(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["JPEG", "PNG", "WEBP", "BMP", "TIFF"]))
    content = bytearray(encoded(np.tile(TINY, (8, 8, 1)), kind))
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        image = load_image(bytes(content), max_pixels=10**6)
    except ImageError:
        return
    assert image.dtype == np.uint8


def test_pixel_digest_is_of_size_and_pixels() -> None:
    content = b"\x02\0\0\0\x03\0\0\0" + TINY.tobytes()
    assert pixel_digest(TINY) == hashlib.sha256(content).hexdigest()[:16]
    assert pixel_digest(TINY[:, ::-1]) == pixel_digest(TINY[:, ::-1].copy())
    assert pixel_digest(TINY) != pixel_digest(TINY.reshape(3, 2, 3))


def test_only_the_plugin_of_the_format_is_imported(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(encoded(TINY, "PNG"))
    code = (
        "import sys; from pathlib import Path; from emotiw_cli.faces.images import load_image;"
        f"load_image(Path({str(path)!r}));"
        "print(sorted(m for m in sys.modules if m.startswith('PIL.') and m.endswith('Plugin')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['PIL.PngImagePlugin']"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.JPG", True), ("a.b.TiFF", True), ("a.gif", False), ("jpg", False), ("a.jpg/b", False)],
)
def test_pictures_are_told_by_their_ending(name: str, expected: bool) -> None:
    assert is_picture(name) is expected
