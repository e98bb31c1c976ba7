"""The models Levi & Hassner released for EmotiW 2015, doi:10.1145/2818346.2830587.

Folders ``VGG_S_rgb``, ``VGG_S_lbp``, ``VGG_S_cyclic_lbp``, ``VGG_S_cyclic_lbp_5`` and
``VGG_S_cyclic_lbp_10``, each with ``EmotiW_VGG_S.caffemodel``, ``mean.binaryproto`` and
``deploy.prototxt``. Their code draws code 255 in the colour of code 254 and feeds the centre of
224 pixels of a picture of 256; their classes are in the order of :data:`EMOTIONS`.
"""

from __future__ import annotations

from pathlib import Path

from emotiw_cli.errors import InputError
from emotiw_cli.training.import_weights import Origin

_REPRESENTATIONS = {
    "rgb": "rgb",
    "lbp": "regular-1-compat255",
    "cyclic_lbp": "cyclic-1-compat255",
    "cyclic_lbp_5": "cyclic-5-compat255",
    "cyclic_lbp_10": "cyclic-10-compat255",
}
_MODEL, _MEAN, _PROTOTXT = "EmotiW_VGG_S.caffemodel", "mean.binaryproto", "deploy.prototxt"


def released(path: Path, representation: str | None = None) -> Origin:
    """What is known of the released model at `path`, its folder or its ``.caffemodel``.

    Parameters
    ----------
    representation : where the folder's name does not tell it.

    Raises
    ------
    InputError
        If a file is missing, or the folder's name tells no representation and none is given.
    """
    model = path / _MODEL if path.is_dir() else path
    folder = model.resolve().parent
    for needed in (model, folder / _MEAN):
        if not needed.is_file():
            raise InputError(
                f"{needed} does not exist; give a folder of the released models with {_MODEL}, "
                f"{_MEAN} and {_PROTOTXT}."
            )
    representation = representation or _REPRESENTATIONS.get(folder.name.removeprefix("VGG_S_"))
    if representation is None:
        known = ", ".join(f"VGG_S_{name}" for name in _REPRESENTATIONS)
        raise InputError(
            f"{folder} is not called like one of the released models ({known}), so its "
            "representation is unknown; add --rep."
        )
    prototxt = folder / _PROTOTXT
    return Origin(
        model,
        "vgg_s.emotiw",
        mean=folder / _MEAN,
        prototxt=prototxt if prototxt.is_file() else None,
        representation=representation,
    )
