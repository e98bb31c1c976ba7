"""The one loader of pictures: every format, depth and orientation becomes RGB uint8.

The type is read from a file's first bytes, never from its name, and only the Pillow plugin of that
type is imported. The size is checked in the header, before a pixel is decoded. Colour profiles are
not applied. Of a picture with several frames or pages the first is taken.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import stat
import struct
import warnings
from pathlib import Path, PurePath
from typing import BinaryIO, Literal

import numpy as np
from PIL import Image, ImageFile

from emotiw_cli.errors import InputError

MAX_PIXELS = 120_000_000
"""Largest picture decoded, in pixels: a 108-megapixel phone photo passes (360 MB as RGB)."""

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".tif", ".tiff"}
)
"""What counts as a picture among the files of a folder or zip, in any case."""

Status = Literal["missing", "unreadable", "too_large", "unsupported"]

_SNIFFED_BYTES = 32
_EXIF_ORIENTATION = 0x0112
_DECODERS = {
    "JPEG": ("PIL.JpegImagePlugin", "JpegImageFile"),
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "WebP": ("PIL.WebPImagePlugin", "WebPImageFile"),
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile"),
    "TIFF": ("PIL.TiffImagePlugin", "TiffImageFile"),
}
_ORIENTATIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class ImageError(InputError):
    """A picture that cannot be used; `status` is the word its row gets.

    Attributes
    ----------
    status : {"missing", "unreadable", "too_large", "unsupported"}
    """

    def __init__(self, message: str, status: Status) -> None:
        super().__init__(message)
        self.status: Status = status


def is_picture(name: str) -> bool:
    """Whether `name` ends like a picture's; what it is, its first bytes say."""
    return PurePath(name).suffix.lower() in SUFFIXES


def load_image(source: Path | bytes, *, name: str = "", max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Decode a JPEG, PNG, WebP, BMP or TIFF picture.

    EXIF orientation is applied, transparency is laid on white, 16-bit grey is scaled to 8 bits
    (65535 becomes 255), CMYK, palette, grey and one-bit pictures become RGB.

    Parameters
    ----------
    source : Path or bytes
        The file, or its contents.
    name : str
        What messages call the picture; the path by default.
    max_pixels : int
        Pictures of more pixels (width × height, read from the header) are refused undecoded.

    Returns
    -------
    (H, W, 3) uint8
        RGB, C-contiguous, writable, upright.

    Raises
    ------
    ImageError
        With status ``missing`` (no such file), ``unsupported`` (another picture format, or grey of
        32 bits or floating point, whose white is not defined), ``too_large``, or ``unreadable``
        (anything else: not a picture, cut short, damaged, no permission).
    """
    if isinstance(source, bytes):
        return _decode(io.BytesIO(source), name or "the picture", max_pixels)
    name = name or str(source)
    with _open_file(source, name) as file:
        return _decode(file, name, max_pixels)


def pixel_digest(image: np.ndarray) -> str:
    """First 16 hex digits of the SHA-256 of a picture's size and pixels.

    The hash runs over height and width as little-endian uint32, then the RGB bytes, so equal
    pictures have equal digests whatever file they came from.
    """
    digest = hashlib.sha256(struct.pack("<II", *image.shape[:2]))
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()[:16]


def _open_file(path: Path, name: str) -> BinaryIO:
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            # Opening a pipe or a device would wait for bytes that may never come.
            what = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
            raise ImageError(f"{name} is {what}: give the path of a picture.", "unreadable")
        return path.open("rb")
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:  # ValueError: a NUL
        raise ImageError(f"{name} does not exist: check the path.", "missing") from error
    except OSError as error:
        raise ImageError(
            f"{name} cannot be opened ({error.strerror}): check the path and its permissions.",
            "unreadable",
        ) from error


def _decode(file: BinaryIO, name: str, max_pixels: int) -> np.ndarray:
    head = file.read(_SNIFFED_BYTES)
    kind = _kind(head)
    if kind is None:
        raise _not_ours(head, name)
    module, factory = _DECODERS[kind]
    file.seek(0)
    try:
        # Pillow warns of harmless oddities (damaged EXIF, unknown tags) without naming the file.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with getattr(importlib.import_module(module), factory)(file) as picture:
                _check_size(picture.size, name, max_pixels)
                return np.array(_to_rgb(_upright(picture), name))
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError(
            f"{name} does not fit in memory: make it smaller first.", "too_large"
        ) from error
    except Exception as error:  # a decoder fed damaged bytes may raise anything
        raise ImageError(
            f"{name} cannot be decoded, it may be cut short ({kind} decoder: {error}): copy or "
            "save it again.",
            "unreadable",
        ) from error


def _kind(head: bytes) -> str | None:
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head.startswith(b"BM"):
        return "BMP"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    return None


def _not_ours(head: bytes, name: str) -> ImageError:
    if not head:
        return ImageError(f"{name} is empty (0 bytes): copy it again.", "unreadable")
    for kind, found in {
        "GIF": head.startswith(b"GIF8"),
        "HEIC or AVIF": head[4:8] == b"ftyp",
        "JPEG 2000": head.startswith((b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")),
        "JPEG XL": head.startswith((b"\0\0\0\x0cJXL ", b"\xff\x0a")),
        "Photoshop": head.startswith(b"8BPS"),
        "PDF": head.startswith(b"%PDF"),
    }.items():
        if found:
            return ImageError(
                f"{name} is a {kind} file, which is not read: convert it to JPEG or PNG.",
                "unsupported",
            )
    return ImageError(
        f"{name} is not a JPEG, PNG, WebP, BMP or TIFF picture, whatever its name says: "
        "give a picture.",
        "unreadable",
    )


def _check_size(size: tuple[int, int], name: str, max_pixels: int) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise ImageError(f"{name} has no pixels ({width}×{height}): save it again.", "unreadable")
    if width * height > max_pixels:
        raise ImageError(
            f"{name} has {width}×{height} pixels, more than the {max_pixels / 1e6:g} million read "
            "here: make it smaller first.",
            "too_large",
        )


def _upright(picture: ImageFile.ImageFile) -> Image.Image:
    picture.load()  # first: PNG may keep its EXIF behind the pixels, TIFF is turned by the load
    try:
        orientation = picture.getexif().get(_EXIF_ORIENTATION)
    except Exception:  # damaged EXIF says nothing about the pixels
        return picture
    transpose = _ORIENTATIONS.get(orientation) if isinstance(orientation, int) else None
    return picture if transpose is None else picture.transpose(transpose)


def _to_rgb(picture: Image.Image, name: str) -> Image.Image:
    if picture.mode.startswith("I;16"):
        values = np.asarray(picture).astype(np.uint32)
        return Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8)).convert("RGB")
    if picture.mode in ("I", "F"):
        raise ImageError(
            f"{name} has 32-bit or floating-point grey values, whose white is not defined: save it "
            "with 8 or 16 bits.",
            "unsupported",
        )
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        white = Image.new("RGB", picture.size, "white")
        white.paste(layer, mask=layer.getchannel("A"))
        return white
    return picture.convert("RGB")
