"""Which finer segments are worth it."""

from journeykit.paths.splitting.tree import Segments, segments

__all__ = ["Segments", "segments"]
