"""Draw the distributions that masks.py measured.

One picture: the times to the first mask and of a cold step, a line for each engine. Both axes are logarithmic, so that
the tail is as large as the body: at 99 % is the time that one sample in a hundred exceeds.

    python benchmarks/plot.py benchmarks/results/masks.json benchmarks/results/masks.png
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

PANELS = {"first mask": "First mask", "cold step": "Each further mask, cold"}
COLOURS = ("#0b6e4f", "#c8553d", "#3d5a98", "#8f6bb3", "#7a7a7a", "#b8860b")
UNITS = {"ms": 1e-3, "us": 1e-6}  # seconds
TIMES = {1e-7: "100 ns", 1e-6: "1 µs", 1e-5: "10 µs", 1e-4: "100 µs", 1e-3: "1 ms", 1e-2: "10 ms", 0.1: "100 ms"}
TIMES |= {1.0: "1 s", 10.0: "10 s", 100.0: "100 s"}
SHARES = {0.5: "50 %", 0.9: "90 %", 0.99: "99 %", 0.999: "99.9 %", 0.9999: "99.99 %"}


def draw(record: dict[str, Any], path: Path) -> None:
    """The picture of a record, written to a file."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.6), layout="constrained")
    axes = figure.subplots(1, len(PANELS))
    for axis, (metric, title) in zip(axes, PANELS.items(), strict=True):
        draw_panel(axis, record, metric)
        axis.set_title(title, loc="left", fontsize=12, fontweight="bold")
    axes[0].set_ylabel("share of samples that take no longer")
    machine, count = record["machine"], record["all_ok"]
    below = f"{count:,} schemas that all engines compile and finish. {machine['cpu']}, {machine['date'][:10]}"
    figure.supxlabel(below, fontsize=9, color="#555555")
    figure.savefig(path, dpi=160)


def draw_panel(axis: Any, record: dict[str, Any], metric: str) -> None:
    """The lines of one metric, each named where it ends."""
    scale = UNITS[record["units"][metric]]
    levels = np.array(record["levels"])
    for colour, (name, summary) in zip(COLOURS, record["times"][metric].items(), strict=False):
        # where a share is so high that less than one sample is above it, there is nothing to see
        shown = levels <= 1 - 1 / max(2, summary["count"])
        axis.plot(
            np.array(summary["quantiles"])[shown] * scale,
            1 - levels[shown],
            color=colour,
            linewidth=2,
            label=f"{name}: median {spell(summary['p50'] * scale)}, 99 % {spell(summary['p99'] * scale)}",
        )
    lowest = 1 / max(2, *(summary["count"] for summary in record["times"][metric].values()))
    axis.set(xscale="log", yscale="log", ylim=(1, lowest))
    left, right = axis.get_xlim()
    axis.set_xticks([time for time in TIMES if left <= time <= right])
    axis.set_xticklabels([TIMES[time] for time in TIMES if left <= time <= right])
    axis.set_yticks([1 - share for share in SHARES if 1 - share >= lowest])
    axis.set_yticklabels([text for share, text in SHARES.items() if 1 - share >= lowest])
    axis.minorticks_off()
    axis.grid(color="#e4e4e4", linewidth=0.8)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, fontsize=9, loc="upper center", bbox_to_anchor=(0.5, -0.1))


def spell(seconds: float) -> str:
    """A time with two digits and its unit."""
    unit, size = next(
        (u, s) for u, s in (("s", 1), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9)) if seconds >= s or s < 1e-8
    )
    return f"{float(f'{seconds / size:.2g}'):g} {unit}"


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("record", type=Path, help="what masks.py wrote")
    parser.add_argument("picture", type=Path, help="the file to write, such as masks.png")
    return parser.parse_args()


def main() -> None:
    options = read_options()
    draw(json.loads(options.record.read_text(encoding="utf-8")), options.picture)


if __name__ == "__main__":
    main()
