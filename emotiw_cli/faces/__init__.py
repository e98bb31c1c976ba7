"""Faces: decode a picture, find faces, place landmarks, align. Never torch.

Import the modules; each brings its own heavy dependency:

- :mod:`~emotiw_cli.faces.images`: one loader for all pictures (Pillow)
- :mod:`~emotiw_cli.faces.detect`: boxes (dlib); by name and others than HOG's:
  :mod:`~emotiw_cli.faces.detectors`, :mod:`~emotiw_cli.faces.haar` (OpenCV),
  :mod:`~emotiw_cli.faces.yunet` (ONNX Runtime)
- :mod:`~emotiw_cli.faces.landmarks`: 68 or 5 points (dlib)
- :mod:`~emotiw_cli.faces.template`: where the points lie in an aligned face
- :mod:`~emotiw_cli.faces.align`: the aligned face (OpenCV)
"""
