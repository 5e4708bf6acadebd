"""Samples of a time -> their distribution, and the distributions of several engines side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

FIGURES = ("p50", "mean", "p90", "p99", "max")
# Even steps for the body, and ever finer ones for the tail.
LEVELS = np.unique(np.concatenate([np.linspace(0, 0.99, 150), 1 - np.logspace(-2, -5, 49), [1.0]]))

Summary = dict[str, Any]


def summarize(runs: Sequence[Sequence[float]], *, quantiles: bool = False) -> Summary:
    """The figures of one run's samples; of several runs, the median of each figure.

    `quantiles` adds the times that the shares `LEVELS` of the samples do not exceed.
    """
    samples = [np.asarray(run, dtype=float) for run in runs if len(run)]
    if not samples:
        return {"count": 0}
    each = [{figure: _figure(run, figure) for figure in FIGURES} for run in samples]
    summary: Summary = {"count": len(samples[0])}
    summary.update({figure: float(np.median([one[figure] for one in each])) for figure in FIGURES})
    if len(each) > 1:
        summary["runs"] = each
    if quantiles:
        values = np.median([np.quantile(run, LEVELS) for run in samples], axis=0)
        summary["quantiles"] = [float(f"{value:.4g}") for value in values]
    return summary


def print_summaries(title: str, unit: str, summaries: Mapping[str, Summary]) -> None:
    """A table with a line for each engine, and for each peer of the first one a line of ratios to it."""
    first, *peers = summaries
    print(f"\n{title}, {unit} ({summaries[first]['count']:,} samples)")
    if not summaries[first]["count"]:
        return
    print(f"{'':32}" + "".join(f"{figure:>12}" for figure in FIGURES))
    for name, summary in summaries.items():
        print(f"{name:32}" + "".join(f"{_short(summary[figure]):>12}" for figure in FIGURES))
    for peer in peers:
        ratios = (summaries[first][figure] / (summaries[peer][figure] or np.nan) for figure in FIGURES)
        print(f"{f'{first} / {peer}':32}" + "".join(f"{ratio:11.2f}x" for ratio in ratios))


def _figure(samples: np.ndarray, figure: str) -> float:
    match figure:
        case "mean":
            return float(samples.mean())
        case "max":
            return float(samples.max())
    return float(np.quantile(samples, int(figure[1:]) / 100))


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
