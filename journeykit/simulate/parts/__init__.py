"""The parts the world is made of, in the order in which they are drawn."""

from journeykit.simulate.part import Part
from journeykit.simulate.parts.background import Background
from journeykit.simulate.parts.browsing import Browsing
from journeykit.simulate.parts.calendar import Calendar
from journeykit.simulate.parts.channels import Channels
from journeykit.simulate.parts.identity import Identity
from journeykit.simulate.parts.orders import Orders
from journeykit.simulate.parts.population import Population
from journeykit.simulate.parts.purchases import Purchases

PARTS: tuple[type[Part], ...] = (
    Population,
    Calendar,
    Channels,
    Orders,
    Purchases,
    Browsing,
    Background,
    Identity,
)
