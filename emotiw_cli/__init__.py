"""emotiw: recognise emotion in the wild, in photos, clips and groups."""

__version__ = "0.1.0"
