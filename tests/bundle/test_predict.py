"""From pictures to predictions, bad pictures and all."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emotiw_cli.bundle.load import load_bundle
from emotiw_cli.bundle.predict import (
    POOL_FROM,
    Task,
    predict_file,
    predict_paths,
    predict_photo,
)
from emotiw_cli.bundle.result import FacePrediction
from emotiw_cli.bundle.runtime import Bundle
from emotiw_cli.errors import OutputError, TamperedError
from emotiw_cli.faces.align import align_face, fit_face
from emotiw_cli.faces.images import load_image
from emotiw_cli.faces.landmarks import Landmarks5
from emotiw_cli.faces.yunet import detect_yunet

FACE = (512 // 2 - 140, 60, 512 // 2 + 150, 390)
"""Left, top, right, bottom of the part of the photo with the face."""


@pytest.fixture
def bundle(tiny_bundle: Path) -> Bundle:
    return load_bundle(tiny_bundle)


@pytest.fixture(scope="session")
def image(photo: Path) -> np.ndarray:
    return load_image(photo)


@pytest.fixture(scope="session")
def tile(image: np.ndarray) -> np.ndarray:
    """The face of the photo, about 80 pixels wide, in a tile of 116 × 132."""
    left, top, right, bottom = FACE
    return np.asarray(Image.fromarray(image[top:bottom, left:right]).resize((116, 132)))


def saved(image: np.ndarray, path: Path, **options: object) -> str:
    Image.fromarray(image).save(path, **options)  # type: ignore[arg-type]
    return str(path)


def test_one_face(image: np.ndarray, bundle: Bundle) -> None:
    (found,) = predict_photo(image, bundle, path="as/given.jpg")
    assert (found.path, found.status, found.face) == ("as/given.jpg", "ok", 1)
    left, top, right, bottom = FACE
    assert left < found.x < found.x + found.width < right
    assert top < found.y < found.y + found.height < bottom
    assert sum(found.posterior) == pytest.approx(1)


def test_equals_the_bundle_on_the_aligned_face(image: np.ndarray, bundle: Bundle) -> None:
    (box,) = detect_yunet(image)
    face = align_face(image, Landmarks5().points(image, box), bundle.spec.face_size)
    (found,) = predict_photo(image, bundle)
    assert found.posterior == tuple(bundle.posteriors([face])[0])


def test_without_detection_the_picture_is_the_face(tile: np.ndarray, bundle: Bundle) -> None:
    (found,) = predict_photo(tile, bundle, detect=False)
    assert (found.x, found.y, found.width, found.height) == (0, 0, 116, 132)
    face = fit_face(tile, bundle.spec.face_size)
    assert found.posterior == tuple(bundle.posteriors([face])[0])
    width, height = bundle.spec.face_size
    aligned = np.ascontiguousarray(tile[:height, :width])
    (same,) = predict_photo(aligned, bundle, detect=False)
    assert same.posterior == tuple(bundle.posteriors([aligned])[0])


def test_no_face(bundle: Bundle) -> None:
    assert predict_photo(np.full((300, 300, 3), 120, np.uint8), bundle, path="p") == [
        FacePrediction("p", "no_face")
    ]


def test_forty_faces(tile: np.ndarray, bundle: Bundle) -> None:
    found = predict_photo(np.tile(tile, (5, 8, 1)), bundle)
    assert [face.face for face in found] == list(range(1, 41))
    cells = {((f.x + f.width // 2) // 116, (f.y + f.height // 2) // 132) for f in found}
    assert len(cells) == 40
    areas = [face.width * face.height for face in found]
    assert areas == sorted(areas, reverse=True)


def test_the_detector_can_be_named(tile: np.ndarray, bundle: Bundle) -> None:
    small = np.asarray(Image.fromarray(tile).resize((36, 41)))
    photo = np.pad(small, ((20, 20), (20, 20), (0, 0)), mode="edge")
    assert predict_photo(photo, bundle, detector="hog")[0].status == "no_face"
    (found,) = predict_photo(photo, bundle)
    assert found.status == "ok"
    assert 15 < found.width < 36


def test_every_orientation_gives_the_same_face(
    image: np.ndarray, bundle: Bundle, tmp_path: Path
) -> None:
    (upright,) = predict_photo(image, bundle)
    turns = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }
    for orientation, turn in turns.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = np.ascontiguousarray(turn(image))
        path = saved(stored, tmp_path / f"{orientation}.png", exif=exif)
        (found,) = predict_file(Task(path), bundle)
        assert (found.x, found.y, found.posterior) == (upright.x, upright.y, upright.posterior)


def test_every_depth_and_mode_is_read(image: np.ndarray, bundle: Bundle, tmp_path: Path) -> None:
    grey = Image.fromarray(image).convert("L")
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    modes = {
        "grey.png": grey,
        "grey-in-rgb.png": grey.convert("RGB"),
        "deep.png": deep,
        "rgba.png": grey.convert("RGBA"),
        "cmyk.tif": grey.convert("RGB").convert("CMYK"),
        "palette.png": grey.convert("P"),
    }
    found = {}
    for name, picture in modes.items():
        picture.save(tmp_path / name)
        (face,) = predict_file(Task(str(tmp_path / name)), bundle)
        found[name] = face.posterior
    assert set(found.values()) == {found["grey.png"]}


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(b"\0"))


def truncated(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG")
    return file.getvalue()[: len(file.getvalue()) // 2]


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (lambda image: None, "missing"),
        (lambda image: b"", "unreadable"),
        (lambda image: b"this is a text", "unreadable"),
        (truncated, "unreadable"),
        (lambda image: png_header(20_000, 20_000), "too_large"),
        (lambda image: b"GIF89a\x01\x00\x01\x00\x00\x00\x00;", "unsupported"),
    ],
    ids=["missing", "0-byte", "text", "truncated", "20,000 × 20,000", "gif"],
)
def test_a_bad_picture_is_a_row(
    image: np.ndarray,
    bundle: Bundle,
    tmp_path: Path,
    content: Callable[[np.ndarray], bytes | None],
    status: str,
) -> None:
    path = tmp_path / "bad.jpg"
    written = content(image)
    if written is not None:
        path.write_bytes(written)
    (row,) = predict_file(Task(str(path)), bundle)
    assert (row.path, row.status, row.posterior) == (str(path), status, ())
    assert str(path) in row.note


def test_one_pixel(bundle: Bundle, tmp_path: Path) -> None:
    path = saved(np.full((1, 1, 3), 9, np.uint8), tmp_path / "dot.png")
    assert predict_file(Task(path), bundle) == [FacePrediction(path, "no_face")]
    (whole,) = predict_file(Task(path), bundle, detect=False)
    assert (whole.status, whole.width, whole.height) == ("ok", 1, 1)


@pytest.mark.parametrize("name", ["Ж 日本 😀.jpg", "n" * 251 + ".jpg"])
def test_names(photo: Path, tiny_bundle: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(photo.read_bytes())
    ((found,),) = predict_paths([str(path)], tiny_bundle, draw=tmp_path / "drawn")
    assert (found.path, found.status) == (str(path), "ok")
    assert len(list((tmp_path / "drawn").iterdir())) == 1


def test_any_number_of_workers_gives_the_same_in_order(
    photo: Path, tile: np.ndarray, tiny_bundle: Path, tmp_path: Path
) -> None:
    given: list[str | FacePrediction] = []
    for number in range(POOL_FROM // 4 + 1):
        group = np.tile(tile, (1, number + 1, 1))
        given += [saved(group, tmp_path / f"{number}.png"), "gone.jpg"]
        given += [str(photo), FacePrediction("*.gif", "missing")]
    given += [str(photo)] * 3
    alone = list(predict_paths(given, tiny_bundle, workers=1))
    together = list(predict_paths(given, tiny_bundle, workers=2, draw=tmp_path / "drawn"))
    assert alone == together
    assert [rows[0].path for rows in alone] == [
        entry if isinstance(entry, str) else entry.path for entry in given
    ]
    assert [len(rows) for rows in alone[::4]][:5] == [1, 2, 3, 4, 5]
    assert len(list((tmp_path / "drawn").rglob("*.png"))) == POOL_FROM // 4 + 1


@pytest.mark.parametrize("count", [1, POOL_FROM])
def test_a_spoilt_bundle_answers_nothing(tiny_bundle: Path, tmp_path: Path, count: int) -> None:
    blank = saved(np.full((64, 64, 3), 9, np.uint8), tmp_path / "blank.png")
    (tiny_bundle / "m0-rgb.onnx").write_bytes(b"other")
    with pytest.raises(TamperedError):
        next(predict_paths([blank] * count, tiny_bundle, workers=2))


def test_a_drawing_that_cannot_land_stops_the_run(
    photo: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    (tmp_path / "drawn").touch()
    with pytest.raises(OutputError, match="drawn cannot be written"):
        list(predict_paths([str(photo)], tiny_bundle, draw=tmp_path / "drawn"))
