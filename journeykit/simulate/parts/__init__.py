"""The parts the world is made of, in the order in which they are drawn."""

from journeykit.simulate.part import Part
from journeykit.simulate.parts.calendar import Calendar
from journeykit.simulate.parts.contracts import Contracts
from journeykit.simulate.parts.identity import Identity
from journeykit.simulate.parts.ladder import Ladder
from journeykit.simulate.parts.population import Population
from journeykit.simulate.parts.stages import Stages

PARTS: tuple[type[Part], ...] = (Population, Calendar, Stages, Ladder, Contracts, Identity)
