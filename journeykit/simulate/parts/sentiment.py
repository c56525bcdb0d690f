"""How customers feel at a touch, and who of them says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import Field
from scipy.special import expit, logit, ndtr

from journeykit.simulate.part import Part, Truth
from journeykit.simulate.past import SECONDS, Drawn, sort_key
from journeykit.simulate.touchpoints import touchpoints

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from journeykit.simulate.draws import Floats
    from journeykit.simulate.past import Past

SCORES = np.arange(1, 6)
#: Where the latent scale is cut into scores.
CUTS = np.array([-1.5, -0.5, 0.5, 1.5])
#: More than there are touchpoints: names an event by its second and touchpoint.
_CODES = 128


class SentimentTruth(Truth):
    """What is true of sentiment; every number follows from the law, none is counted.

    Attributes
    ----------
    mean : mapping of str to float
        Expected score of a touch, over all touches of a touchpoint, told or not.
    mean_seen : mapping of str to float
        Expected score of those that are told, which the table's mean goes to; empty if none is.
    positive : mapping of str to float
        P(score >= 4) over all touches.
    seen_by_score : mapping of str to float
        Probability that a score is told when asked for, by score.
    """

    mean: dict[str, float]
    mean_seen: dict[str, float]
    positive: dict[str, float]
    seen_by_score: dict[str, float]


class Sentiment(Part):
    """A sentiment at each touch, told by the unhappy rather than the happy: missing not at random.

    At a touch of touchpoint k, customer i feels ``mean_k + person_sigma * z_i + e``, z and e
    standard normal; the score is 1 to 5, cut at -1.5, -0.5, 0.5 and 1.5. A share `asked` of all
    touches is asked about, and answered with probability
    ``expit(logit(voice) + voice_slope (3 - score))``.

    The table has what is told, the hidden table of the same name all that was asked.

    Parameters
    ----------
    mean : mapping of str to float
        Touchpoint to its mean on the latent scale, whose unit is the spread from touch to touch.
    person_sigma : float
        Spread of what customers bring along to all their touches.
    asked : float
        Share of touches asked about.
    voice, voice_slope : float
        Probability to answer with a score of 3, and how the log odds rise with each score less.
    """

    name: ClassVar[str] = "sentiment"
    mean: dict[str, float] = {
        "app_session": 0.3, "call_accounts_receivable": -0.4, "call_customer_service": -0.6,
        "call_followup": 0.2, "call_hold": -1.0, "call_sales": 0.1, "call_tech_support": -0.5,
        "catalog_pickup": 0.4, "checker_contact": 0.3, "checkout": 0.1, "contact_form": -0.1,
        "help_center_visit": -0.2, "payment_failed": -0.8, "pos_transaction": 0.6,
        "price_change": -0.9, "remarketing_impression": -0.3, "site_search": 0.0,
        "thank_you_page": 0.9, "view_home": 0.1, "view_product": 0.2, "view_testimonial": 0.3,
    }  # fmt: skip
    person_sigma: Annotated[float, Field(ge=0)] = 0.5
    asked: Annotated[float, Field(ge=0, le=1)] = 0.15
    voice: Annotated[float, Field(ge=0, le=1)] = 0.3
    voice_slope: float = 0.4

    def draw(self, past: Past, /) -> Drawn:
        """Draw what was asked about, felt and told."""
        codes = {row.touchpoint: code for code, row in enumerate(touchpoints())}
        which = sorted(set(self.mean) & set(codes))
        found = [t for drawn in past.drawn for t in drawn.touches if t.name in which]
        nothing = np.zeros(0)
        who = np.concatenate([nothing, *(t.who for t in found)]).astype(np.int64)
        time = np.concatenate([nothing, *(t.time for t in found)])
        code = np.repeat([codes[t.name] for t in found], [len(t.who) for t in found])
        number = np.rint(time * SECONDS).astype(np.int64) * _CODES + code.astype(np.int64)
        chosen = past.draws.uniform("sentiment.asked", who=who, number=number) < self.asked
        chosen &= (time >= 0) & (time < np.asarray(past.trait("exit"))[who])
        at = np.flatnonzero(chosen)
        at = at[np.lexsort((code[at], sort_key(who[at], time[at])))]
        who, time, code, number = who[at], time[at], code[at].astype(np.int64), number[at]
        means = np.zeros(len(codes))
        means[[codes[name] for name in which]] = [self.mean[name] for name in which]
        felt = means[code] + past.draws.normal("sentiment.touch", who=who, number=number)
        felt += self.person_sigma * past.draws.normal("sentiment.person")[who]
        score = SCORES[np.searchsorted(CUTS, felt)]
        drawn = past.draws.uniform("sentiment.told", who=who, number=number)
        told = drawn < self._voice()[score - 1]
        names = np.array(list(codes), dtype=object)[code]
        rows = {"who": who, "event_time": time, "touchpoint": names, "score": score}
        return Drawn(
            tables={"sentiment": {name: column[told] for name, column in rows.items()}},
            hidden={"sentiment": {**rows, "told": told}},
        )

    def _voice(self) -> Floats:
        with np.errstate(divide="ignore"):
            told: Floats = expit(logit(self.voice) + self.voice_slope * (3.0 - SCORES))
        return told

    def _shares(self, mean: float) -> NDArray[np.float64]:
        """Return the probability of each score: the latent scale is normal over customers too."""
        below = ndtr((CUTS - mean) / np.sqrt(1 + self.person_sigma**2))
        return np.diff(below, prepend=0.0, append=1.0)

    def truth(self, sums: Mapping[str, Any], /, *, customers: int, days: int) -> SentimentTruth:  # noqa: ARG002
        """Return expected scores."""
        shares = {name: self._shares(mean) for name, mean in sorted(self.mean.items())}
        voice = self._voice()
        told = shares if voice.any() else {}
        return SentimentTruth(
            mean={name: float(p @ SCORES) for name, p in shares.items()},
            mean_seen={name: float((p * voice) @ SCORES / (p @ voice)) for name, p in told.items()},
            positive={name: float(p[3:].sum()) for name, p in shares.items()},
            seen_by_score=dict(zip(map(str, SCORES), voice.tolist(), strict=True)),
        )
