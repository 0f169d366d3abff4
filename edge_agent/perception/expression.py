"""Face crop -> expression."""

from __future__ import annotations

import numpy as np

from edge_agent.domain.geometry import Box
from edge_agent.domain.observation import Emotion, Expression
from edge_agent.perception.alignment import AS_IT_STANDS, Alignment, hidden_by_turn
from edge_agent.perception.crops import cut_upright, grey, quality, softness, square_around
from edge_agent.perception.tensors import Engine, Pixels, Tensor

LEAST_PROBABILITY = 1e-9
"""That which the logarithm of a probability can be taken of."""


class ExpressionReader:
    """Reads the expression of a face.

    The model's parameters: `crop_side` (side of the crop by the mean side of the face box);
    `temperature` (by which its logits are divided, so that the probabilities are calibrated: Guo et
    al., "On Calibration of Modern Neural Networks", 2017); `blur_temperature` and
    `turn_temperature`, by which softness and turn of the face raise it for the confidence.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._crop_side = engine.parameters["crop_side"]
        self._temperature = engine.parameters["temperature"]
        self._doubts = (
            engine.parameters["blur_temperature"],
            engine.parameters["turn_temperature"],
        )

    def read(
        self, pixels: Pixels, face: Box, alignment: Alignment = AS_IT_STANDS
    ) -> tuple[Expression | None, float]:
        """The expression of the face at `face` in a BGR or grey frame, and its quality in [0, 1]:
        that of the crop, times how frontal the face is.

        None where the crop shows nothing.
        """
        cropped = crop_of(pixels, face, alignment, self._crop_side, self._engine.input_size.width)
        if cropped is None:
            return None, 0.0
        crop, square = cropped
        trust = quality(crop, square) * alignment.frontality
        if trust == 0.0:
            return None, 0.0
        doubt = sum(a * b for a, b in zip(self._doubts, strains(crop, alignment), strict=True))
        return expression_from(self.probabilities(crop), doubt), trust

    def probabilities(self, crop: Pixels) -> Tensor:
        """Of shape (8,), in the order of `Emotion`, of a grey crop of the model's size."""
        return softmax(self._engine.infer(crop)["logits"] / self._temperature)


def crop_of(
    pixels: Pixels, face: Box, alignment: Alignment, crop_side: float, side: int
) -> tuple[Pixels, Box] | None:
    """The upright grey crop, of shape (side, side), of the face at `face` in a BGR or grey frame,
    and the square that it shows; None where that lies outside or is too small."""
    # A mouth that opens stretches the box by the points: better the detector's, if upright.
    box = alignment.box if alignment.is_tilted and alignment.box else face
    square = square_around(box, crop_side)
    crop = cut_upright(pixels, square, side, alignment.roll_rad)
    return None if crop is None else (grey(crop), square)


def strains(crop: Pixels, alignment: Alignment) -> tuple[float, float]:
    """What makes a face hard to read, each >= 0: the softness of its crop, small or blurred as it
    was seen, and how much of it is hidden by its turn."""
    return softness(crop), hidden_by_turn(alignment.turn_rad)


def softmax(logits: Tensor) -> Tensor:
    """Probabilities along the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)


def expression_from(probabilities: Tensor, doubt: float) -> Expression:
    """An expression of calibrated probabilities; what is seen badly is less certain."""
    smile = float(probabilities[tuple(Emotion).index(Emotion.HAPPINESS)])
    return Expression(
        intensities=tuple(float(p) for p in probabilities),
        confidence=float(confidence_from(probabilities, np.float32(doubt))),
        smiling_degree=smile,
    )


def confidence_from(probabilities: Tensor, doubt: Tensor | np.float32) -> Tensor:
    """How likely the leading emotion is right, of probabilities of shape (..., 8) and doubts >= 0
    of shape (...).

    The temperature is raised by the share `doubt`: none leaves the leading probability, an endless
    one a guess among the eight.
    """
    logs = np.log(np.maximum(probabilities, LEAST_PROBABILITY))
    softened = softmax(logs / np.expand_dims(1 + doubt, -1))
    return np.asarray(softened.max(axis=-1), np.float32)
