"""Face crop -> age and gender."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edge_agent.domain.geometry import Box
from edge_agent.domain.observation import AgeEstimate, GenderEstimate
from edge_agent.perception.alignment import AS_IT_STANDS, Alignment
from edge_agent.perception.crops import cut_upright, grey, quality, square_around
from edge_agent.perception.expression import softmax
from edge_agent.perception.tensors import Engine, Pixels, Tensor

LEAST_INSIDE = 0.75
"""Share of the crop that must lie in the image: half a face has no age."""


@dataclass(frozen=True, slots=True)
class Demographics:
    """What one look at a face told; None: not estimated. `quality` in [0, 1] is that of the
    crop, times how frontal the face is."""

    age: AgeEstimate | None = None
    gender: GenderEstimate | None = None
    quality: float = 0.0


NOTHING = Demographics()


class DemographicsReader:
    """Reads age and gender of a face, those that are wanted.

    The model's parameters: `crop_side` and `crop_shift_down` place the crop about the face box,
    `placed_crop_side` and `placed_crop_shift_down` about a box that the points of the face gave;
    `age_deviation_scale` and `gender_temperature` make what the model states of its certainty true
    for faces that it was not trained on (Guo et al., "On Calibration of Modern Neural Networks",
    2017). Its outputs: `age`, logits of ages by the year from 0 on; `female`, one logit.
    """

    def __init__(self, engine: Engine, *, age: bool = True, gender: bool = True) -> None:
        self._engine = engine
        self._age = age
        self._gender = gender
        parameters = engine.parameters
        self._about_found = parameters["crop_side"], parameters["crop_shift_down"]
        self._about_placed = parameters["placed_crop_side"], parameters["placed_crop_shift_down"]
        self._age_deviation_scale = parameters["age_deviation_scale"]
        self._gender_temperature = parameters["gender_temperature"]

    def read(self, pixels: Pixels, face: Box, alignment: Alignment = AS_IT_STANDS) -> Demographics:
        """Of the face at `face` in a BGR frame; `NOTHING` where the crop shows too little."""
        side, roll_rad = self._engine.input_size.width, alignment.roll_rad
        if alignment.box is None:
            square = square_around(face, *self._about_found, roll_rad)
        else:
            square = square_around(alignment.box, *self._about_placed, roll_rad)
        crop = cut_upright(pixels, square, side, roll_rad, LEAST_INSIDE)
        if crop is None:
            return NOTHING
        trust = quality(grey(crop), square) * alignment.frontality
        if trust == 0.0:
            return NOTHING
        age, gender = self.estimates(crop)
        return Demographics(
            age=age if self._age else None, gender=gender if self._gender else None, quality=trust
        )

    def estimates(self, crop: Pixels) -> tuple[AgeEstimate, GenderEstimate]:
        """Those of a BGR crop of the model's size."""
        outputs = self._engine.infer(crop)
        return (
            age_from(outputs["age"], self._age_deviation_scale),
            gender_from(float(outputs["female"][0]), self._gender_temperature),
        )


def age_from(logits: Tensor, deviation_scale: float) -> AgeEstimate:
    """Mean and standard deviation of the distribution over ages of 0, 1, 2, ... years
    (Rothe, Timofte, Van Gool, "DEX: Deep EXpectation of Apparent Age", 2015)."""
    probabilities = softmax(logits)
    ages = np.arange(len(probabilities))
    years = float(probabilities @ ages)
    deviation = math.sqrt(float(probabilities @ (ages - years) ** 2))
    return AgeEstimate(years, max(deviation * deviation_scale, 1e-3))


def gender_from(logit: float, temperature: float) -> GenderEstimate:
    return GenderEstimate(0.5 + 0.5 * math.tanh(0.5 * logit / temperature))
