"""What describes the faces of a group photo: embeddings, posteriors, distances of landmarks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import InputError
from emotiw_cli.groups.landmarks import PAIRS, distances

if TYPE_CHECKING:
    from emotiw_cli.bundle.runtime import Bundle
    from emotiw_cli.groups.embedding import Embedding


@dataclass(frozen=True)
class Description:
    """What is known of a photo's n faces.

    Attributes
    ----------
    embedding : by key, (d,) float32: the median over the faces, number by number; NaN without a
        face. Keys are the bundle's members, or the names that another net has for its own.
    posterior : (n, 7) float32, of the seven emotions.
    landmarks : (n, 2278) float32, see :func:`emotiw_cli.groups.landmarks.distances`.
    """

    embedding: Mapping[str, np.ndarray]
    posterior: np.ndarray
    landmarks: np.ndarray


def describe(
    crops: np.ndarray,
    aligned: np.ndarray,
    points: np.ndarray,
    bundle: Bundle,
    embedding: Embedding | None = None,
) -> Description:
    """Describe the faces of one photo.

    Parameters
    ----------
    crops, aligned, points : of n faces, perhaps none; see :mod:`emotiw_cli.groups.faces`.
    bundle, embedding : see :func:`embed_faces`, which also names what is raised.
    """
    posteriors, embeddings = embed_faces(crops, aligned, bundle, embedding)
    return Description(
        {key: over_faces(values) for key, values in embeddings.items()},
        posteriors.astype(np.float32).reshape(-1, len(EMOTIONS)),
        distances(points).reshape(-1, PAIRS),
    )


def embed_faces(
    crops: np.ndarray, aligned: np.ndarray, bundle: Bundle, embedding: Embedding | None
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """What n faces, perhaps none, look like to the nets.

    Parameters
    ----------
    bundle : gives the posteriors and, without `embedding`, the embeddings: its members' features.
    embedding : a net that gives the embeddings instead.

    Returns
    -------
    posteriors : (n, 7) float64, of the seven emotions.
    embeddings : by key, (n, d) float32.

    Raises
    ------
    ArtefactError
        If the bundle's members give no features.
    """
    if embedding is None:
        return bundle.embed(list(aligned))
    return bundle.posteriors(list(aligned)), embedding.embed(crops)


def over_faces(values: np.ndarray) -> np.ndarray:
    """The median over faces, number by number: (n, d) → (d,) float32; NaN where n is 0."""
    if len(values) == 0:
        return np.full(values.shape[1], np.nan, np.float32)
    return np.median(values, axis=0).astype(np.float32)


def check_made_for(size: tuple[int, int], detail: int | None, bundle: Bundle, where: str) -> None:
    """Refuse aligned faces that `bundle` is not made for.

    Raises
    ------
    InputError
        If their size or detail is another; `where` names them.
    """
    spec = bundle.spec
    if (tuple(size), detail) != (tuple(spec.face_size), spec.detail):
        wanted = "{}x{} --detail {}".format(*spec.face_size, spec.detail or 0)
        raise InputError(
            f"{where} has aligned faces that bundle {spec.name} is not made for; make it again "
            f"with --size {wanted}."
        )
