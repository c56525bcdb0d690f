"""The study: one study.yaml that names the data, its meaning and its reports."""

from journeykit.study.catalogue import Catalogue, Touchpoint, read_catalogue, standard_catalogue
from journeykit.study.study import Study, load_study

__all__ = [
    "Catalogue",
    "Study",
    "Touchpoint",
    "load_study",
    "read_catalogue",
    "standard_catalogue",
]
