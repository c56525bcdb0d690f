"""The parts the world is made of, in the order in which they are drawn."""

from journeykit.simulate.part import Part
from journeykit.simulate.parts.calendar import Calendar
from journeykit.simulate.parts.identity import Identity
from journeykit.simulate.parts.population import Population
from journeykit.simulate.parts.remarketing import Remarketing
from journeykit.simulate.parts.sentiment import Sentiment
from journeykit.simulate.parts.spend import Spend

PARTS: tuple[type[Part], ...] = (Population, Calendar, Remarketing, Sentiment, Spend, Identity)
