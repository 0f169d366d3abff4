"""Which cell answers for which object, and what its answer costs.

Cells are assigned while training, by how well they already answer: task alignment of Feng et al.,
"TOOD: Task-aligned One-stage Object Detection" (2021), each class by itself. Boxes are learned by
GIoU (Rezatofighi et al., 2019), logits by binary cross-entropy towards the aligned IoU.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from training.people.network import DISTANCES, LOGITS, POINTS, STRIDES
from training.people.scenes import FACE

SCORE_POWER, OVERLAP_POWER = 0.5, 5.0
"""How much a cell's score and its box count when cells are assigned."""
INNER_SHARE = 0.75
"""Part of a box, around its middle, whose cells may answer for it."""
LEVEL_SPAN = (1.25, 10.0)
"""Sizes of objects, in strides, for which a level may answer; the finest also for smaller ones, the
coarsest also for larger ones."""
BOX_WEIGHT, POINT_WEIGHT = 2.0, 0.5
CLASS_WEIGHTS = (1.0, 0.6, 1.2)
"""Of face, head and body in the loss."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The outputs of all levels side by side, over n images and a cells.

    `logits` (n, a, LOGITS); `boxes` (n, a, LOGITS, 4) corners in pixels; `points` (n, a, POINTS,
    2) in pixels; `centers` (a, 2) of the cells in pixels; `strides` (a,).
    """

    logits: torch.Tensor
    boxes: torch.Tensor
    points: torch.Tensor
    centers: torch.Tensor
    strides: torch.Tensor


def distance(raw: torch.Tensor) -> torch.Tensor:
    """Raw output to strides: v |v| / 2, whose rounding error grows with the distance."""
    return raw * raw.abs() / 2


def answers(outputs: tuple[torch.Tensor, ...]) -> Answers:
    """Decode `PeopleNet`'s outputs, of shape (n, CHANNELS, h, w) per stride."""
    logits, boxes, points, centers, strides = [], [], [], [], []
    for output, stride in zip(outputs, STRIDES, strict=True):
        n, _, height, width = output.shape
        values = output.float().permute(0, 2, 3, 1).reshape(n, height * width, -1)
        rows, columns = torch.meshgrid(
            torch.arange(height, device=output.device),
            torch.arange(width, device=output.device),
            indexing="ij",
        )
        center = (torch.stack([columns, rows], 2).reshape(-1, 2).float() + 0.5) * stride
        raw = values[..., LOGITS : LOGITS * (1 + DISTANCES)].reshape(n, -1, LOGITS, DISTANCES)
        reach = distance(raw) * stride
        middle = center[None, :, None]
        boxes.append(torch.cat([middle - reach[..., :2], middle + reach[..., 2:]], 3))
        shifts = values[..., LOGITS * (1 + DISTANCES) :].reshape(n, -1, POINTS, 2)
        points.append(middle + shifts * stride)
        logits.append(values[..., :LOGITS])
        centers.append(center)
        strides.append(torch.full((height * width,), float(stride), device=output.device))
    return Answers(
        torch.cat(logits, 1),
        torch.cat(boxes, 1),
        torch.cat(points, 1),
        torch.cat(centers),
        torch.cat(strides),
    )


class PeopleLoss(nn.Module):
    """Mean loss of a batch of `collated` samples. Keeps running norms, so make one per run."""

    def __init__(self, candidates: int = 10) -> None:
        super().__init__()
        self.candidates = candidates
        self.norms = torch.full((LOGITS,), 30.0)

    def forward(
        self, outputs: tuple[torch.Tensor, ...], objects: torch.Tensor, ignored: torch.Tensor
    ) -> torch.Tensor:
        given = answers(outputs)
        targets = torch.zeros_like(given.logits)
        weights = self._weights(given, ignored)
        cells = self._assigned(given, objects)
        total = given.logits.new_zeros(())
        image, cell, kind, which, aligned = cells
        targets[image, cell, kind] = aligned
        weights[image, cell, kind] = 1.0
        sums = torch.zeros(LOGITS).index_add_(0, kind.cpu(), aligned.cpu())
        self.norms = 0.9 * self.norms + 0.1 * sums.clamp(min=1.0)
        scales = (torch.tensor(CLASS_WEIGHTS) / self.norms.clamp(min=4.0)).to(targets)
        entropy = F.binary_cross_entropy_with_logits(given.logits, targets, reduction="none")
        total = total + (entropy * weights * scales).sum()
        if len(which):
            wanted = objects[which, 2:6]
            share = aligned * scales[kind]
            overlap = generalized_iou(given.boxes[image, cell, kind], wanted)
            total = total + BOX_WEIGHT * ((1 - overlap) * share).sum()
            total = total + POINT_WEIGHT * self._point_loss(given, objects, cells, share)
        return total

    @staticmethod
    def _weights(given: Answers, ignored: torch.Tensor) -> torch.Tensor:
        """1 where a cell's class counts as background, 0 where nothing is known."""
        weights = torch.ones_like(given.logits)
        if len(ignored):
            x, y = given.centers.T
            inside = (
                (x >= ignored[:, 2:3])
                & (y >= ignored[:, 3:4])
                & (x < ignored[:, 4:5])
                & (y < ignored[:, 5:6])
            )
            row, cell = inside.nonzero(as_tuple=True)
            weights[ignored[row, 0].long(), cell, ignored[row, 1].long()] = 0.0
        return weights

    @torch.no_grad()
    def _assigned(
        self, given: Answers, objects: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Image, cell, class, row of `objects` and target in [0, 1] of every positive answer."""
        count, cells = len(objects), len(given.centers)
        empty = torch.zeros(0, dtype=torch.long, device=objects.device)
        if not count:
            return empty, empty, empty, empty, given.logits.new_zeros(0)
        low, high = objects[:, 2:4], objects[:, 4:6]
        middle, half = (low + high) / 2, ((high - low) / 2)
        # A tiny object still has the cells of the finest level around it.
        reach = (half * INNER_SHARE).clamp(min=4.0)
        offset = (given.centers[None] - middle[:, None]).abs()
        relative = (2 * half).prod(1).sqrt()[:, None] / given.strides[None]
        fits = (relative >= LEVEL_SPAN[0]) | (given.strides == STRIDES[0])
        fits &= (relative <= LEVEL_SPAN[1]) | (given.strides == STRIDES[-1])
        row, cell = ((offset < reach[:, None]).all(2) & fits).nonzero(as_tuple=True)
        image, kind = objects[row, 0].long(), objects[row, 1].long()
        overlap = iou(given.boxes[image, cell, kind], objects[row, 2:6])
        score = given.logits[image, cell, kind].sigmoid()
        metric = score**SCORE_POWER * overlap**OVERLAP_POWER + 1e-9
        dense = torch.zeros(count, cells, device=objects.device)
        dense[row, cell] = metric
        best, chosen = dense.topk(min(self.candidates, cells), dim=1)
        row = torch.arange(count, device=objects.device)[:, None].expand_as(chosen)[best > 0]
        cell, metric = chosen[best > 0], best[best > 0]
        image, kind = objects[row, 0].long(), objects[row, 1].long()
        overlap = iou(given.boxes[image, cell, kind], objects[row, 2:6])
        row, cell, metric, overlap = _one_owner(
            row, cell, metric, overlap, (image * LOGITS + kind) * cells + cell
        )
        nothing = torch.zeros(count, device=objects.device)
        top_metric = nothing.scatter_reduce(0, row, metric, "amax")
        top_overlap = nothing.scatter_reduce(0, row, overlap, "amax")
        aligned = metric / top_metric[row].clamp(min=1e-9) * top_overlap[row].clamp(min=0.1)
        return objects[row, 0].long(), cell, objects[row, 1].long(), row, aligned

    def _point_loss(
        self,
        given: Answers,
        objects: torch.Tensor,
        cells: tuple[torch.Tensor, ...],
        share: torch.Tensor,
    ) -> torch.Tensor:
        """Smooth L1 of the five points, in parts of the face's size."""
        image, cell, kind, which, _ = cells
        wanted = objects[which, 6:].reshape(-1, POINTS, 2)
        known = (kind == FACE) & ~wanted.isnan().any(2).any(1)
        if not known.any():
            return share.new_zeros(())
        side = (objects[which, 4:6] - objects[which, 2:4]).prod(1).sqrt()[known]
        error = (given.points[image, cell][known] - wanted[known]) / side[:, None, None]
        cost = F.smooth_l1_loss(error * 10, torch.zeros_like(error), reduction="none")
        return (cost.mean((1, 2)) * share[known]).sum()


def _one_owner(
    row: torch.Tensor,
    cell: torch.Tensor,
    metric: torch.Tensor,
    overlap: torch.Tensor,
    place: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Where several objects of a class claim a cell, the one it overlaps most keeps it."""
    order = torch.argsort(overlap, descending=True)
    order = order[torch.argsort(place[order], stable=True)]
    sorted_place = place[order]
    first = torch.ones_like(sorted_place, dtype=torch.bool)
    first[1:] = sorted_place[1:] != sorted_place[:-1]
    kept = order[first]
    return row[kept], cell[kept], metric[kept], overlap[kept]


def iou(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """IoU of paired boxes (k, 4)."""
    shared, union = _shared_and_union(first, second)
    return shared / union.clamp(min=1e-6)


def generalized_iou(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    shared, union = _shared_and_union(first, second)
    hull = (
        (torch.maximum(first[:, 2:], second[:, 2:]) - torch.minimum(first[:, :2], second[:, :2]))
        .clamp(min=0)
        .prod(1)
    )
    union = union.clamp(min=1e-6)
    return shared / union - (hull - union) / hull.clamp(min=1e-6)


def _shared_and_union(
    first: torch.Tensor, second: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    corner = torch.maximum(first[:, :2], second[:, :2])
    other = torch.minimum(first[:, 2:], second[:, 2:])
    shared = (other - corner).clamp(min=0).prod(1)
    areas = (first[:, 2:] - first[:, :2]).clamp(min=0).prod(1)
    areas = areas + (second[:, 2:] - second[:, :2]).clamp(min=0).prod(1)
    return shared, areas - shared
