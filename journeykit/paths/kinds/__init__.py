"""Which kinds of journeys there are, if any."""

from journeykit.paths.kinds.pairs import Distances, distances
from journeykit.paths.kinds.typologies import Typology, typology

__all__ = ["Distances", "Typology", "distances", "typology"]
