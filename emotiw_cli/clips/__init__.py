"""Clips: decode, follow faces, aggregate, fuse. EmoNets, doi:10.1007/s12193-015-0195-2.

Import the modules; PyAV is imported by :mod:`~emotiw_cli.clips.decode` and what writes videos.
"""
