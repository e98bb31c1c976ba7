"""Read Caffe's binary files: models, ``.caffemodel``, and mean images, ``.binaryproto``.

Both are protocol buffers, of which little is needed: names, shapes and numbers. OpenCV reads
models as well, but only beside a description in text, not with layers it does not know, and without
the blobs of those it merges; see :mod:`.parity` for what it is good for here.

Layers are found in the form of 2014 on and in the one before; an inner product's blob of that time
has four dimensions, of which the first are one.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from emotiw_cli.errors import InputError

_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5

# Numbers of the fields of caffe.proto.
_NET_OLDER, _NET_LAYER = 2, 100
_OLDER = {"name": 4, "type": 5, "blobs": 6}
_NEWER = {"name": 1, "type": 2, "blobs": 7}
_BLOB_SIDES = (1, 2, 3, 4)
_BLOB_DATA, _BLOB_SHAPE, _BLOB_DOUBLES = 5, 7, 8
_BLOB_RAW_TYPE, _BLOB_RAW = 10, 12
_SHAPE_SIDES = 1
_HALF = 2

_OLDER_TYPES = {4: "Convolution", 14: "InnerProduct", 39: "Deconvolution"}
_BLOB_NAMES = {"BatchNorm": ("mean", "variance", "factor")}


@dataclass(frozen=True)
class CaffeLayer:
    """A layer that has blobs.

    Attributes
    ----------
    name, type : as in the file.
    blobs : name → float32; ``weight`` and ``bias``, or ``mean``, ``variance`` and ``factor``.
    """

    name: str
    type: str
    blobs: dict[str, np.ndarray] = field(default_factory=dict)


def read_caffemodel(path: Path) -> list[CaffeLayer]:
    """The layers of a model that have blobs, in its order.

    Raises
    ------
    InputError
        If `path` is no Caffe model or is cut off.
    """
    content = _content(path)
    try:
        layers = []
        for number, value in _fields(content):
            if number in (_NET_OLDER, _NET_LAYER) and isinstance(value, memoryview):
                layers.append(_layer(value, _NEWER if number == _NET_LAYER else _OLDER))
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} cannot be read as a Caffe model ({error}); fetch the file again."
        ) from error
    with_blobs = [layer for layer in layers if layer.blobs]
    if not with_blobs:
        raise InputError(
            f"{path} holds no layer with weights; give a .caffemodel (a model from before 2014 has "
            "to go through Caffe's upgrade_net_proto_binary first)."
        )
    return with_blobs


def read_binaryproto(path: Path) -> np.ndarray:
    """A mean image: (channels, height, width) float32, colours in the order of the net's input.

    Raises
    ------
    InputError
        If `path` is no such file, or holds several pictures.
    """
    content = _content(path)
    try:
        image = _blob(content)
    except ValueError as error:
        raise InputError(
            f"{path} cannot be read as a Caffe mean image ({error}); fetch the file again."
        ) from error
    if image.ndim == 4 and image.shape[0] == 1:
        image = image[0]
    if image.ndim != 3:
        shape = "×".join(str(side) for side in image.shape)
        raise InputError(f"{path} holds {shape} numbers, which is no picture; give a mean image.")
    return image


def _content(path: Path) -> memoryview:
    """The file's bytes; a model of half a gigabyte is mapped, not read."""
    try:
        with open(path, "rb") as file:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; give a file of weights.") from error
    except ValueError as error:  # an empty file cannot be mapped
        raise InputError(f"{path} is empty; fetch the file again.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from error


def _layer(content: memoryview, numbers: dict[str, int]) -> CaffeLayer:
    name, kind, blobs = "", "", []
    for number, value in _fields(content):
        if number == numbers["name"] and isinstance(value, memoryview):
            name = bytes(value).decode()
        elif number == numbers["type"]:
            kind = bytes(value).decode() if isinstance(value, memoryview) else _older_type(value)
        elif number == numbers["blobs"] and isinstance(value, memoryview):
            blobs.append(_blob(value))
    names = _BLOB_NAMES.get(kind, ("weight", "bias"))
    named = {
        names[place] if place < len(names) else f"blob{place}": blob
        for place, blob in enumerate(blobs)
    }
    return CaffeLayer(name, kind, named)


def _older_type(number: int) -> str:
    return _OLDER_TYPES.get(number, f"type {number}")


def _blob(content: memoryview) -> np.ndarray:
    """A BlobProto as float32."""
    sides = dict.fromkeys(_BLOB_SIDES, 0)
    shape: list[int] | None = None
    raw_type = 0
    parts: list[np.ndarray] = []
    for number, value in _fields(content):
        if isinstance(value, int):
            if number in sides:
                sides[number] = value
            elif number == _BLOB_RAW_TYPE:
                raw_type = value
        elif number == _BLOB_SHAPE:
            shape = _shape(value)
        elif number == _BLOB_DATA:  # packed, or one number a field
            parts.append(np.frombuffer(value, "<f4"))
        elif number == _BLOB_DOUBLES:
            parts.append(np.frombuffer(value, "<f8").astype(np.float32))
        elif number == _BLOB_RAW and raw_type == _HALF:  # what OpenCV shrinks models to
            parts.append(np.frombuffer(value, "<f2").astype(np.float32))
    if shape is None:
        shape = [sides[number] for number in _BLOB_SIDES]
    values = parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, np.float32), *parts])
    if not values.size or math.prod(shape) != values.size:
        raise ValueError(f"a blob of {'×'.join(map(str, shape))} has {values.size} numbers")
    return values.reshape(shape)


def _shape(content: memoryview) -> list[int]:
    sides = []
    for number, value in _fields(content):
        if number != _SHAPE_SIDES:
            continue
        if isinstance(value, int):
            sides.append(value)
            continue
        place = 0
        while place < len(value):
            side, place = _varint(value, place)
            sides.append(side)
    return sides


def _fields(content: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Fields of a protocol buffer: their number, and an integer or the bytes."""
    place = 0
    while place < len(content):
        key, place = _varint(content, place)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, place = _varint(content, place)
            yield number, value
            continue
        if kind == _BYTES:
            size, place = _varint(content, place)
        elif kind in (_EIGHT, _FOUR):
            size = 8 if kind == _EIGHT else 4
        else:
            raise ValueError(f"byte {place} is of no known kind")
        if number == 0:
            raise ValueError(f"byte {place} is of no known field")
        if place + size > len(content):
            raise ValueError("it is cut off")
        yield number, content[place : place + size]
        place += size


def _varint(content: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 64, 7):
        if place >= len(content):
            raise ValueError("it is cut off")
        byte = content[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise ValueError(f"byte {place} ends no number")
