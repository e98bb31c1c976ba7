"""Checkpoints: all that decides how a training goes on. Landing is atomic; reading runs no code."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch

from emotiw_cli.artefact import landing_file, make_folder, write_json
from emotiw_cli.errors import ArtefactError

CHECKPOINT = "checkpoint.pt"
PROGRESS = "progress.json"
"""How far the checkpoint is, for people."""


def save_checkpoint(folder: Path, state: dict[str, Any], progress: dict[str, int]) -> None:
    """Write tensors, numbers, strings, lists and dictionaries of them; and how far it is.

    The file is made in memory: torch that meets a full disk raises an error that does not say so.
    """
    make_folder(folder)
    content = io.BytesIO()
    torch.save(state, content)
    with landing_file(folder / CHECKPOINT) as file:
        file.write(content.getbuffer())
    write_json(folder / PROGRESS, progress)


def load_checkpoint(folder: Path, plan: str) -> dict[str, Any] | None:
    """Read the checkpoint of the training whose plan has digest `plan`; None if there is none.

    Raises
    ------
    ArtefactError
        If it belongs to another plan, or is damaged.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        same = state["plan"] == plan
    except Exception as error:  # torch raises half a dozen kinds for a damaged file
        raise ArtefactError(
            f"{path} is damaged; delete {folder} or add --overwrite to start again."
        ) from error
    if not same:
        raise ArtefactError(
            f"{folder} holds a training with other data or options; choose another --name or add "
            "--overwrite to start again."
        )
    return state
