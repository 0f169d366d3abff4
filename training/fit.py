"""The training loop that all models share: seeded, averaged, resumable, and saying where it is."""

from __future__ import annotations

import copy
import math
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

Batch = tuple[torch.Tensor, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast to learn. `ema_decay` is per step."""

    epochs: int
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    warmup_epochs: float = 1.0
    ema_decay: float = 0.999
    seed: int = 1
    clip_norm: float = 5.0


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def generator_for(seed: int, epoch: int) -> np.random.Generator:
    """Randomness of one epoch: the same again when a run is resumed."""
    return np.random.default_rng([seed, epoch])


def fit(
    network: nn.Module,
    batches: Callable[[int], Iterable[Batch]],
    loss: Callable[[nn.Module, Batch, float], torch.Tensor],
    plan: Plan,
    run: Path,
    *,
    steps_per_epoch: int,
    validate: Callable[[nn.Module], str] | None = None,
    until: int | None = None,
) -> nn.Module:
    """Train `network` and return the running average of its weights, in eval mode, on the CPU.

    `batches(epoch)` yields the tensors of that epoch; `loss(network, batch, progress)` is the mean
    loss, with progress in [0, 1]. A checkpoint in `run` is written after each epoch, and taken up
    from there when it is of the same plan. `until` ends the run after that many epochs of it.
    """
    torch.manual_seed(plan.seed)
    target = device()
    network = network.to(target, memory_format=torch.channels_last)
    average = copy.deepcopy(network).eval()
    optimizer = torch.optim.AdamW(_groups(network, plan.weight_decay), lr=plan.learning_rate)
    checkpoint = run / "checkpoint.pt"
    run.mkdir(parents=True, exist_ok=True)
    first = _resume(checkpoint, plan, network, average, optimizer)
    total = plan.epochs * steps_per_epoch
    for epoch in range(first, plan.epochs if until is None else until):
        torch.manual_seed(plan.seed * 10_007 + epoch)
        started, mean_loss = time.monotonic(), 0.0
        network.train()
        for step, batch in enumerate(batches(epoch)):
            at = epoch * steps_per_epoch + step
            for group in optimizer.param_groups:
                group["lr"] = plan.learning_rate * _schedule(at, total, plan, steps_per_epoch)
            moved = tuple(tensor.to(target, non_blocking=True) for tensor in batch)
            with torch.autocast(target.type, torch.bfloat16):
                value = loss(network, moved, at / total)
            optimizer.zero_grad(set_to_none=True)
            value.backward()
            nn.utils.clip_grad_norm_(network.parameters(), plan.clip_norm)
            optimizer.step()
            blend(average, network, min(plan.ema_decay, (at + 1) / (at + 10)))
            mean_loss += (float(value.detach()) - mean_loss) / (step + 1)
            if step % 50 == 49:
                pace = (step + 1) / (time.monotonic() - started)
                print(
                    f"  epoch {epoch + 1} step {step + 1}/{steps_per_epoch} "
                    f"loss {mean_loss:.4f} {pace:.2f} steps/s",
                    flush=True,
                )
        said = validate(average) if validate else ""
        print(
            f"epoch {epoch + 1}/{plan.epochs} loss {mean_loss:.4f} "
            f"{time.monotonic() - started:.0f} s {said}",
            flush=True,
        )
        _save(checkpoint, plan, epoch + 1, network=network, average=average, optimizer=optimizer)
    return average.cpu().eval()


def ahead(batches: Iterator[Batch], depth: int = 4) -> Iterator[Batch]:
    """The same batches, made in a thread of their own while earlier ones are learned from."""
    made: queue.Queue[Batch | BaseException | None] = queue.Queue(depth)

    def make() -> None:
        try:
            for batch in batches:
                made.put(batch)
            made.put(None)
        except BaseException as error:
            made.put(error)

    threading.Thread(target=make, daemon=True).start()
    while (batch := made.get()) is not None:
        if isinstance(batch, BaseException):
            raise batch
        yield batch


def _schedule(at: int, total: int, plan: Plan, steps_per_epoch: int) -> float:
    warmup = plan.warmup_epochs * steps_per_epoch
    if at < warmup:
        return (at + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (at - warmup) / max(total - warmup, 1))) * 0.99 + 0.01


def _groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Weights decay; biases and norms do not."""
    matrices = [p for p in network.parameters() if p.ndim > 1]
    vectors = [p for p in network.parameters() if p.ndim <= 1]
    return [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]


@torch.no_grad()
def blend(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the weights and norms of `average`, in place, to those of `network` but for `decay`."""
    for kept, new in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if kept.dtype.is_floating_point:
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)


def mean_of(states: Sequence[Mapping[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """The mean of the weights of networks that are alike; counters are those of the last."""
    return {
        name: torch.stack([state[name] for state in states]).mean(0)
        if last.dtype.is_floating_point
        else last
        for name, last in states[-1].items()
    }


def _save(
    path: Path,
    plan: Plan,
    epoch: int,
    *,
    network: nn.Module,
    average: nn.Module,
    optimizer: torch.optim.Optimizer,
) -> None:
    unfinished = path.with_suffix(".part")
    torch.save(
        {
            "plan": asdict(plan),
            "epoch": epoch,
            "network": network.state_dict(),
            "average": average.state_dict(),
            "optimizer": optimizer.state_dict(),
        },
        unfinished,
    )
    unfinished.replace(path)


def _resume(
    path: Path, plan: Plan, network: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer
) -> int:
    if not path.exists():
        return 0
    saved = torch.load(path, map_location=device(), weights_only=True)
    if saved["plan"] != asdict(plan):
        print(f"{path} is of another plan: starting over", flush=True)
        return 0
    network.load_state_dict(saved["network"])
    average.load_state_dict(saved["average"])
    optimizer.load_state_dict(saved["optimizer"])
    print(f"going on after epoch {saved['epoch']} of {path}", flush=True)
    return int(saved["epoch"])
