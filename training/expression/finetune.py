"""A network that knows many faces learns a few more, and keeps most of what it knew."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from edge_agent.domain.observation import Emotion
from training.data import FerPlus
from training.expression.courses import FIRST, MILD, take_course
from training.expression.network import network, told
from training.expression.own_faces import OwnFaces
from training.fit import Batch, Plan, device, fit, generator_for
from training.networks import ResidualNet, fused
from training.recover import recover

STEPS_PER_EPOCH = 10
PLAN = Plan(
    epochs=4, learning_rate=5e-4, weight_decay=0.0, warmup_epochs=0.5, ema_decay=0.95, seed=6
)
BATCH = 32
FROZEN_LAYERS = 6
"""The first layers see edges and shapes, which are the same in all faces: they stay as they are."""
TETHER = 0.3
"""Weight of the squared distance from the weights at the begin (Li et al., "Explicit Inductive
Bias for Transfer Learning with Convolutional Networks", 2018)."""
TAUGHT = 0.2
"""Part of the targets that the network's own answers have (Li, Hoiem, "Learning without
Forgetting", 2016); the folder's names have the rest, as eight of ten votes have."""
SCRATCH_FACES = 6400
"""Of an epoch from scratch, at least."""


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """What came of learning: a network, and the `known` one with which it began, if with any."""

    network: nn.Module
    known: nn.Module | None = None

    @torch.no_grad()
    def moved(self, part: float) -> nn.Module:
        """The network whose weights lie so far, in [0, 1], on the way from the known ones to those
        that were learned: the less, the more is kept of what was known (Wortsman et al., "Robust
        Fine-Tuning of Zero-Shot Models", 2022)."""
        if self.known is None:
            return self.network
        between = copy.deepcopy(self.network)
        for weight, before in zip(between.parameters(), self.known.parameters(), strict=True):
            weight.copy_(before.lerp(weight, part))
        return between


def published_network(file: Path, own: OwnFaces) -> ResidualNet:
    """That of a file, its batch norms folded: few faces would shift their moments."""
    recovered = network()
    recover(recovered, file, torch.from_numpy(own.faces)[:, None].float() / 255)
    fused(recovered.eval())
    return recovered


def finetuned(known: ResidualNet, own: OwnFaces, rehearsed: FerPlus | None = None) -> Learned:
    """What comes of a network that was `known` after some steps on one's own faces.

    `rehearsed` are faces that it has learned from before: half of each batch, where there are any.
    """
    pupil = copy.deepcopy(known)
    for layer in list(pupil.features)[:FROZEN_LAYERS]:
        layer.requires_grad_(False)
    begin = copy.deepcopy(known).requires_grad_(False).to(device())
    labels = torch.from_numpy(np.eye(len(Emotion), dtype=np.float32)[own.emotions])
    faces, targets = torch.from_numpy(own.faces), labels.lerp(told(begin, own.faces), TAUGHT)
    likely = _evenly(own)
    if rehearsed is not None:
        old_faces = torch.from_numpy(rehearsed.faces)
        old_targets = torch.from_numpy(rehearsed.distributions())

    def batches(epoch: int) -> Iterable[Batch]:
        random = generator_for(PLAN.seed, epoch)
        for _ in range(STEPS_PER_EPOCH):
            chosen = torch.from_numpy(random.choice(len(own), BATCH, p=likely))
            images, wanted = faces[chosen], targets[chosen]
            if rehearsed is not None:
                again = torch.from_numpy(random.choice(len(old_faces), BATCH))
                images = torch.cat([images, old_faces[again]])
                wanted = torch.cat([wanted, old_targets[again]])
            yield MILD(images[:, None].float() / 255), wanted

    def loss(model: nn.Module, batch: Batch, _: float) -> torch.Tensor:
        images, wanted = batch
        images = images.contiguous(memory_format=torch.channels_last)
        pairs = zip(model.parameters(), begin.parameters(), strict=True)
        moved = sum((now - then).square().sum() for now, then in pairs if now.requires_grad)
        return F.cross_entropy(model(images).float(), wanted) + TETHER * moved

    with tempfile.TemporaryDirectory() as run:
        learned = fit(pupil, batches, loss, PLAN, Path(run), steps_per_epoch=STEPS_PER_EPOCH)
    return Learned(learned, known)


def from_scratch(own: OwnFaces, epochs: int | None = None) -> Learned:
    """A fresh network that has seen nothing but one's own faces, few of them again and again."""
    voted = own.voted()
    repeated = voted.chosen(np.tile(np.arange(len(own)), -(-SCRATCH_FACES // len(own))))
    plan = replace(FIRST.plan, epochs=epochs or FIRST.plan.epochs)
    with tempfile.TemporaryDirectory() as run:
        course = replace(FIRST, plan=plan)
        return Learned(take_course(network(), repeated, voted, course, Path(run)))


def _evenly(own: OwnFaces) -> np.ndarray:
    """Probabilities of shape (n,) with which every emotion is drawn as often."""
    share = 1.0 / np.bincount(own.emotions, minlength=len(Emotion))[own.emotions]
    return np.asarray(share / share.sum())
