"""The three emotions a group photo is given, and their one order."""

from __future__ import annotations

GROUP_EMOTIONS: tuple[str, ...] = ("negative", "neutral", "positive")
"""The class order of every group's posterior."""
