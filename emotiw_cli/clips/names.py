"""Which files are called clips; apart from the reader, so that asking loads no FFmpeg."""

from __future__ import annotations

from pathlib import PurePath

SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp"}
    | {".ts", ".mts", ".m2ts", ".ogv", ".vob", ".mxf"}
)
"""What counts as a clip among files, in any case."""

SOUNDS = frozenset({".wav", ".flac", ".mp3", ".ogg", ".m4a", ".aac", ".opus"})
"""What counts as sound without pictures, in any case."""


def is_clip(name: str) -> bool:
    """Whether `name` ends like a clip's; what it is, its content says."""
    return PurePath(name).suffix.lower() in SUFFIXES


def is_sound(name: str) -> bool:
    """Whether `name` ends like that of sound without pictures, which a voice can be heard in."""
    return PurePath(name).suffix.lower() in SOUNDS
