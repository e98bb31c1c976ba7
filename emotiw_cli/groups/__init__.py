"""Groups: the emotion of a photo of several people, after Rassadin, Gruzdev & Savchenko 2017.

doi:10.1145/3136755.3143007. Stages meet on disk: `faces` finds and stores the faces of each
picture, `features` describes them, `train` learns from these, `fuse` weighs what was trained.

- :mod:`~emotiw_cli.groups.layout`: group photos on disk and their three classes
- :mod:`~emotiw_cli.groups.faces`: every picture's faces, stored
- :mod:`~emotiw_cli.groups.landmarks`: distances between a face's landmarks
- :mod:`~emotiw_cli.groups.composites`: group photos made of single faces
- :mod:`~emotiw_cli.groups.forest`: random forests that run in numpy
- :mod:`~emotiw_cli.groups.fusion`, :mod:`~emotiw_cli.groups.fit`: how members become one
"""
