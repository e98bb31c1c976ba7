"""A member of a bundle as weights from elsewhere: to train it further, or to weigh it anew."""

from __future__ import annotations

from pathlib import Path

from emotiw_cli.bundle.load import find_bundle, verify_bundle
from emotiw_cli.errors import InputError
from emotiw_cli.nets.weights import SUFFIXES
from emotiw_cli.training.import_weights import ONNX, Origin


def names_member(source: Path) -> bool:
    """Whether `source` is ``BUNDLE/MEMBER`` and no file, be it one that is missing."""
    is_file = source.suffix in (*SUFFIXES, ONNX) or source.exists()
    return len(source.parts) > 1 and not is_file


def bundle_member(text: str, work: Path) -> Origin:
    """What is known of the member that ``BUNDLE/MEMBER`` names.

    Raises
    ------
    InputError
        If the bundle has no such member.
    ArtefactError, TamperedError
        If there is no such bundle or a file of it is not the one it records.
    """
    bundle, _, name = text.rpartition("/")
    folder = find_bundle(bundle, work)
    spec = verify_bundle(folder)
    found = [member for member in spec.members if member.name == name]
    if not found:
        names = ", ".join(member.name for member in spec.members)
        raise InputError(f"bundle {bundle} has no member {name!r}; it has {names}.")
    seen = found[0].preprocessing
    return Origin(
        folder / found[0].file,
        found[0].net,
        representation=seen.representation,
        resize=seen.resize,
        crop=seen.crop,
        crops=seen.crops,
        bundle=folder,
    )
