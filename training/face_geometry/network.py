"""The network that reads a face's geometry, and what it is to be good at."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from training.face_geometry.samples import FIVE, SMALLEST_EYE_DISTANCE
from training.networks import ConvNorm, Residual

SIDE = 96
OUTPUTS = ("points", "head", "gaze", "errors", "logits")
MEAN_POINTS = (0.34, 0.36, 0.66, 0.36, 0.5, 0.56, 0.38, 0.73, 0.62, 0.73)
EMBEDDED = 160
PARTS = (136, 3, 2, 3, 2, 4)
"""Sizes of what `geometry_samples.Target` lays out."""


class WholeMap(ConvNorm):
    """A convolution over a whole map of `side` x `side`: places keep their meaning to the end."""

    def __init__(self, inputs: int, outputs: int, side: int) -> None:
        super().__init__(inputs, outputs, kernel=1)
        self[0] = nn.Conv2d(inputs, outputs, side, bias=False)


class FaceGeometryNet(nn.Module):
    """A grey face of 96 x 96 in [0, 1] -> points (n, 10), head (n, 3), gaze (n, 2), errors (n, 3)
    and logits (n, 3), as `edge_agent.perception.face_geometry` takes them; while it learns, all 68
    points (n, 136), how open the lids are (n, 2) and both irises (n, 4), too. 61 million MACs."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            ConvNorm(1, 24, stride=2),
            ConvNorm(24, 36, stride=2),
            Residual(36, 36),
            ConvNorm(36, 72, stride=2),
            Residual(72, 72),
            Residual(72, 72),
            ConvNorm(72, 120, stride=2),
            Residual(120, 120),
            ConvNorm(120, 48, kernel=1),
            WholeMap(48, EMBEDDED, SIDE // 16),
        )
        self.dropout = nn.Dropout(0.1)
        self.points = nn.Linear(EMBEDDED, 10)
        self.head = nn.Linear(EMBEDDED, 3)
        self.gaze = nn.Linear(EMBEDDED, 2)
        self.errors = nn.Linear(EMBEDDED, 3)
        self.logits = nn.Linear(EMBEDDED, 3)
        self.contours = nn.Linear(EMBEDDED, 136)
        self.lids = nn.Linear(EMBEDDED, 2)
        self.irises = nn.Linear(EMBEDDED, 4)
        with torch.no_grad():
            self.points.bias.copy_(torch.tensor(MEAN_POINTS))
            self.points.weight.mul_(0.1)
            self.errors.bias.fill_(-2.0)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        embedded = self.dropout(self.features(x).flatten(1))
        answers = (
            self.points(embedded),
            self.head(embedded),
            self.gaze(embedded),
            # What is hard is to be told, but nothing is to be done worse for its sake.
            self.errors(embedded.detach()),
            self.logits(embedded),
        )
        if not self.training:
            return answers
        return (*answers, self.contours(embedded), self.lids(embedded), self.irises(embedded))


def loss(outputs: tuple[torch.Tensor, ...], targets: torch.Tensor) -> torch.Tensor:
    """Of a batch with targets (n, 150) as `geometry_samples.Target` lays them out; NaN is unknown.

    Distances of points are in those between the eyes. The expected errors are learned as the
    scales of Laplace distributions, by their likelihood (Kendall, Gal, "What Uncertainties Do We
    Need in Bayesian Deep Learning for Computer Vision?", 2017).
    """
    points, head, gaze, logs, logits, contours, lids, irises = (
        output.float() for output in outputs
    )
    parts = targets.split(PARTS, 1)
    placed, posed, looked, _, lidded, eyed = (part[:, 0].isfinite() for part in parts)
    known = parts[3].isfinite()
    # What is unknown becomes 0 before it meets a gradient: 0 times NaN is NaN.
    all_points, true_head, true_gaze, judged, true_lids, true_irises = targets.nan_to_num().split(
        PARTS, 1
    )
    all_points = all_points.unflatten(1, (68, 2))
    true_points = all_points.new_tensor(FIVE) @ all_points
    unit = eye_distances(true_points)
    off = (points.unflatten(1, (5, 2)) - true_points).norm(dim=2).mean(1) / unit
    contours_off = (contours.unflatten(1, (68, 2)) - all_points).norm(dim=2).mean(1) / unit
    head_off = (head - true_head).abs().mean(1)
    gaze_off = (gaze - true_gaze).abs().mean(1)
    irises_off = (irises - true_irises).unflatten(1, (2, 2)).norm(dim=2).mean(1) / unit
    told = [
        mean_where(there, error.detach() * torch.exp(-log) + log)
        for there, error, log in zip(
            (placed, posed, looked),
            (off, head_off, gaze_off),
            logs.clamp(-6, 3).unbind(1),
            strict=True,
        )
    ]
    wrong = F.binary_cross_entropy_with_logits(logits, judged, reduction="none")
    wrong = (wrong * known).sum(0) / known.sum(0).clamp_min(1)
    return (
        4 * mean_where(placed, off)
        + 2 * mean_where(placed, contours_off)
        + 4 * mean_where(posed, head_off)
        + 3 * mean_where(looked, gaze_off)
        + 2 * mean_where(lidded, (lids - true_lids).abs().mean(1))
        + 3 * mean_where(eyed, irises_off)
        + 0.1 * sum(told)
        + 0.4 * wrong.sum()
    )


def eye_distances(points: torch.Tensor) -> torch.Tensor:
    """Of five points (n, 5, 2), never below what a turned head still shows."""
    return (points[:, 1] - points[:, 0]).norm(dim=1).clamp_min(SMALLEST_EYE_DISTANCE)


def mean_where(known: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """The mean of the values (n,) that are known; 0 where none is."""
    return (values * known).sum() / known.sum().clamp_min(1)
