"""The parts the world is made of, in the order in which they are drawn."""

from journeykit.simulate.part import Part
from journeykit.simulate.parts.background import Background
from journeykit.simulate.parts.browsing import Browsing
from journeykit.simulate.parts.calendar import Calendar
from journeykit.simulate.parts.channels import Channels
from journeykit.simulate.parts.contracts import Contracts
from journeykit.simulate.parts.holdouts import Holdouts
from journeykit.simulate.parts.identity import Identity
from journeykit.simulate.parts.ladder import Ladder
from journeykit.simulate.parts.orders import Orders
from journeykit.simulate.parts.population import Population
from journeykit.simulate.parts.purchases import Purchases
from journeykit.simulate.parts.remarketing import Remarketing
from journeykit.simulate.parts.sentiment import Sentiment
from journeykit.simulate.parts.spend import Spend
from journeykit.simulate.parts.stages import Stages

PARTS: tuple[type[Part], ...] = (
    Population,
    Calendar,
    Channels,
    Stages,
    Orders,
    Purchases,
    Browsing,
    Remarketing,
    Ladder,
    Contracts,
    Background,
    Sentiment,
    Spend,
    Holdouts,
    Identity,
)
