"""The voice: features of speech, a deep belief net on them, its training and its use."""
