"""From a picture and a face's landmarks to the aligned face, and from a face crop to the same size.

No resampling here lets detail alias: what is made smaller is averaged over the area each new pixel
covers, what is made larger is interpolated by cubics.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from emotiw_cli.faces.template import anchors, anchors_in_frame

_CUBIC_REACH = 2
_ROUNDING = 1e-6  # a face at exactly half its size is drawn with 2 samples, not 3


def align_face(
    image: np.ndarray, points: np.ndarray, size: tuple[int, int], *, detail: int | None = None
) -> np.ndarray:
    """Cut a face out, turned and scaled so that its landmarks meet the template.

    A similarity transform (rotation, scale, shift) takes the eye corners and the nose base to the
    positions of :mod:`emotiw_cli.faces.template`. Where the frame reaches beyond the picture, the
    picture's border is repeated.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB; (H, W) grey works as well.
    points : (68, 2) or (5, 2) float
        Landmarks in the picture's pixels.
    size : tuple of int
        Width and height of the result, in pixels.
    detail : int, optional
        Most pixels of width the face may keep: it is aligned to a frame so wide, then enlarged, so
        that a sharp photo shows no more than a small crop would. Ignored from `size`'s width up.

    Returns
    -------
    (height, width, 3) uint8

    Raises
    ------
    ValueError
        If the landmarks have another shape or all coincide.
    """
    frame = _frame(size, detail)
    transform = fit_similarity(anchors(points), anchors_in_frame(frame))
    scale = math.hypot(transform[0, 0], transform[1, 0])
    # Whole blocks of the picture are averaged as long as half of the detail asked for is left over;
    # then the face is drawn so finely that no pixel of that is skipped, and averaged in turn.
    block = max(1, math.floor(0.5 / scale + _ROUNDING))
    samples = max(1, math.ceil(1 / (scale * block) - _ROUNDING))
    fine = (frame[0] * samples, frame[1] * samples)
    transform = _rescale(transform, samples)
    part, start = _seen_part(image, transform, fine, block)
    transform[:, 2] += transform[:, :2] @ (start + (block - 1) / 2)
    transform[:, :2] *= block
    face = cv2.warpAffine(
        part,
        transform,
        fine,
        flags=cv2.INTER_CUBIC if samples == 1 else cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return _resize(_resize(face, frame), size)


def fit_face(image: np.ndarray, size: tuple[int, int], *, detail: int | None = None) -> np.ndarray:
    """Bring a picture that is a face crop already to `size`, whole; its aspect may change.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB; (H, W) grey works as well.
    size : tuple of int
        Width and height of the result, in pixels.
    detail : int, optional
        Most pixels of width the face may keep: a wider picture is first reduced to this, then
        enlarged. Ignored from `size`'s width up.

    Returns
    -------
    (height, width, 3) uint8
    """
    height, width = image.shape[:2]
    frame = _frame(size, detail)
    return _resize(_resize(image, (min(frame[0], width), min(frame[1], height))), size)


def fit_similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Similarity transform without reflection that takes `source` closest to `target`.

    Least squares over rotation, scale and shift; in the plane the solution of Umeyama 1991
    (doi:10.1109/34.88573) is a division of complex numbers.

    Parameters
    ----------
    source, target : (n, 2) float
        Corresponding points.

    Returns
    -------
    (2, 3) float64
        Matrix M with target ≈ M @ (x, y, 1).

    Raises
    ------
    ValueError
        If all source points coincide.
    """
    p, q = (np.asarray(points, dtype=np.float64) @ [1, 1j] for points in (source, target))
    centred = p - p.mean()
    spread = (np.abs(centred) ** 2).sum()
    if spread == 0:
        raise ValueError("all landmarks coincide: no transform can be fitted")
    turn = (centred.conj() * (q - q.mean())).sum() / spread
    shift = q.mean() - turn * p.mean()
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def _frame(size: tuple[int, int], detail: int | None) -> tuple[int, int]:
    width, height = size
    if detail is None or detail >= width:
        return size
    return detail, max(1, round(detail * height / width))


def _rescale(transform: np.ndarray, factor: int) -> np.ndarray:
    """The transform into a frame of `factor` times as many pixels each way."""
    finer = transform * factor
    finer[:, 2] += (factor - 1) / 2  # the edges of the frame stay in place, not the pixel centres
    return finer


def _seen_part(
    image: np.ndarray, transform: np.ndarray, frame: tuple[int, int], block: int
) -> tuple[np.ndarray, np.ndarray]:
    """What the frame shows of the picture, in means of block × block pixels, and its start (x, y).

    Besides saving time this keeps panoramas within the 32,767 pixels a side that OpenCV warps.
    """
    right, bottom = frame[0] - 1, frame[1] - 1
    corners = np.array([(0, 0), (right, 0), (0, bottom), (right, bottom)], dtype=np.float64)
    seen = (corners - transform[:, 2]) @ np.linalg.inv(transform[:, :2]).T
    limit = np.array([image.shape[1], image.shape[0]])
    margin = _CUBIC_REACH * block
    start = np.clip(np.floor(seen.min(axis=0)) - margin, 0, limit - 1).astype(int)
    stop = np.clip(np.ceil(seen.max(axis=0)) + margin + 1, start + 1, limit).astype(int)
    part = image[start[1] : stop[1], start[0] : stop[0]]
    if block > 1:
        rows, columns = part.shape[:2]
        part = cv2.copyMakeBorder(part, 0, -rows % block, 0, -columns % block, cv2.BORDER_REPLICATE)
        size = (part.shape[1] // block, part.shape[0] // block)
        part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    return part, start.astype(np.float64)


def _resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Reduce by area along the axes that shrink, then enlarge by cubics along those that grow."""
    width, height = size
    reduced = (min(width, image.shape[1]), min(height, image.shape[0]))
    if reduced != (image.shape[1], image.shape[0]):
        image = cv2.resize(image, reduced, interpolation=cv2.INTER_AREA)
    if reduced != size:
        image = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(image)
