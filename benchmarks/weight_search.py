"""How fast random search tries ensemble weights: against scoring every face for every draw.

Five made-up members of 3,440 faces, as many as FER+'s validation set; CPU time of one thread.
What is saved is the work on faces and rivals that no weights can change.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from emotiw_cli.ensemble.search import Contest

MEMBERS, FACES, DRAWS, YARDSTICK_DRAWS = 5, 3440, 20_000, 200


def made_up(skill: float) -> tuple[np.ndarray, np.ndarray]:
    """Posteriors (m, n, 7) of members that err alike, and labels."""
    generator = np.random.default_rng(0)
    labels = generator.integers(7, size=FACES)
    shared = generator.normal(size=(FACES, 7)) + skill * np.eye(7)[labels]
    scores = np.exp(shared + generator.normal(0, 0.6, (MEMBERS, FACES, 7)))
    return scores / scores.sum(axis=2, keepdims=True), labels


def directly(posteriors: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> list[int]:
    """Faces each draw gets right, scored one draw at a time."""
    columns = weights if weights.ndim == 3 else np.repeat(weights[:, :, None], 7, axis=2)
    return [
        int(((posteriors * draw[:, None]).sum(axis=0).argmax(axis=1) == labels).sum())
        for draw in columns
    ]


def seconds(work: Callable[[], object]) -> float:
    """CPU time of one run in this thread."""
    began = time.thread_time()
    work()
    return time.thread_time() - began


def measure(skill: float, kind: str) -> dict[str, float]:
    """Draws per second of both."""
    posteriors, labels = made_up(skill)
    shape = (MEMBERS,) if kind == "member" else (MEMBERS, 7)
    weights = np.random.default_rng(1).random((DRAWS, *shape))
    weights /= weights.sum(axis=1, keepdims=True)
    few = weights[:YARDSTICK_DRAWS]
    contest = Contest(posteriors, labels, "member" if kind == "member" else "member-class")
    assert contest.right(few).tolist() == directly(posteriors, labels, few)
    ours = DRAWS / min(seconds(lambda: contest.right(weights)) for _ in range(3))
    theirs = YARDSTICK_DRAWS / seconds(lambda: directly(posteriors, labels, few))
    return {
        "best_accuracy": float(contest.right(weights).max()) / FACES,
        "draws_per_s": ours,
        "directly_per_s": theirs,
        "ratio": ours / theirs,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    lines = [
        {"kind": kind, **measure(skill, kind)}
        for skill in (2.0, 3.5)
        for kind in ("member", "member-class")
    ]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if as_json:
        print(json.dumps({"lines": lines, "memory_mb": memory}, indent=2))
        return
    print(f"{'weights per':>14} {'accuracy':>9} {'draws/s':>9} {'directly':>9} {'ratio':>6}")
    for line in lines:
        print(
            f"{line['kind']:>14} {line['best_accuracy']:9.3f} {line['draws_per_s']:9.0f} "
            f"{line['directly_per_s']:9.0f} {line['ratio']:6.0f}"
        )
    print(f"memory {memory:.0f} MB")


if __name__ == "__main__":
    main()
