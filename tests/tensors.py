"""What tests of tensor code share: logits, what masking them should give, and code as one graph."""

import math

import torch
from walking import allowed


def logits_for(batch, width, dtype=torch.float32):
    """Logits of no meaning, the same each time."""
    return torch.randn(batch, width, generator=torch.Generator().manual_seed(0)).to(dtype)


def masked_by_cursors(logits, cursors):
    """Each row of the logits, minus infinity where its cursor does not allow the token; untouched without a cursor."""
    found = logits.clone()
    for row, cursor in zip(found, cursors, strict=True):
        if cursor is not None:
            row[sorted(set(range(len(row))) - allowed(cursor.mask()))] = -math.inf
    return found


def exported(function, arguments, dynamic):
    """The function as exported, which fails where it leaves the graph; its `dynamic` dimensions may be others then."""

    class Exported(torch.nn.Module):
        def forward(self, *arguments):
            return function(*arguments)

    return torch.export.export(Exported(), arguments, dynamic_shapes=(dynamic,)).module()


def compiled(function):
    """The function as a compiler takes it, which fails where it leaves the graph; no code is generated."""
    return torch.compile(function, fullgraph=True, backend="aot_eager")
