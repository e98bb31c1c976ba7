"""A window that shows pictures, by Tk, where there is a display."""

from __future__ import annotations

from typing import Any

import numpy as np


class Window:
    """One picture after the other; made by :func:`open_window`."""

    def __init__(self, root: Any) -> None:
        import tkinter

        self._root = root
        self._label = tkinter.Label(root, borderwidth=0)
        self._label.pack()
        self.closed = False
        root.protocol("WM_DELETE_WINDOW", self._close)
        for key in ("<Escape>", "q"):
            root.bind(key, self._close)

    def show(self, picture: np.ndarray) -> None:
        """Show (H, W, 3) uint8 RGB; sets ``closed`` if the user has closed the window."""
        from PIL import Image, ImageTk

        shown = ImageTk.PhotoImage(Image.fromarray(picture), master=self._root)
        self._label.configure(image=shown)
        self._shown = shown  # Tk does not keep it
        self._root.update()

    def end(self) -> None:
        """Take it away."""
        self._root.destroy()

    def _close(self, event: Any = None) -> None:
        self.closed = True


def open_window(title: str) -> Window | None:
    """A window, or None where there is no display or no Tk."""
    try:
        import tkinter

        from PIL import ImageTk  # noqa: F401 (may be lacking where Tk is there)
    except ImportError:
        return None
    try:
        root = tkinter.Tk()
    except tkinter.TclError:
        return None
    root.title(title)
    return Window(root)
