"""Faces: decode a picture, find faces, place landmarks, align. Never torch.

Import the modules; each brings its own heavy dependency:

- :mod:`~emotiw_cli.faces.images`: one loader for all pictures (Pillow)
- :mod:`~emotiw_cli.faces.detect`: boxes (dlib)
- :mod:`~emotiw_cli.faces.landmarks`: 68 or 5 points (dlib)
- :mod:`~emotiw_cli.faces.template`: where the points lie in an aligned face
- :mod:`~emotiw_cli.faces.align`: the aligned face (OpenCV)
"""
