"""A model and a job -> what must not change while the job is done, as JSON: what its rows follow from.

Where the job runs, how many rows it writes at a time, and where rows come from and go to are no part of it.

The weights are known by a sample: sixteen numbers of each tensor, and all names, shapes and types.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fcgen.extraction import Asked, Job
from fcgen.formats import find_format
from fcgen.prompt import render_prompt

if TYPE_CHECKING:
    from fcgen.engine import Engine

SAMPLED = 16
DOCUMENT = "{the document}"


def fingerprint_of(engine: Engine, job: Job, *, model: str = "", carry: Sequence[str] = ()) -> dict[str, Any]:
    """The parts of the fingerprint: model, grammar, prompt, options and versions.

    Args:
        engine: what replies.
        job: what is asked.
        model: the name under which the model was loaded.
        carry: the columns of the input that are kept beside a row.

    Raises OptionError: an option of the job is no JSON.
    """
    import torch
    import transformers

    import fcgen

    functions = [[one.name, one.description, one.parameters] for one in job.functions or ()]
    windows = None if job.windows is None else asdict(job.windows)
    return {
        "model": {"name": model, **_identity(engine)},
        "grammar": {"schema": job.schema, "functions": functions, "choice": job.choice},
        "prompt": None if job.asks_nothing else prompt_of(engine, job.about(DOCUMENT), job.options),
        "options": {"windows": windows, "carry": list(carry), **_plain(job.options)},
        "versions": {
            "fcgen": fcgen.__version__,
            "transformers": transformers.__version__,
            "torch": torch.__version__,
        },
    }


def prompt_of(engine: Engine, asked: Asked, options: Mapping[str, Any]) -> str:
    """The prompt of what is asked, byte for byte. Raises PromptError and FunctionError."""
    form = options.get("format")
    shown = None if asked.choice == "none" else asked.functions
    return render_prompt(
        asked.messages, shown, format=engine.format if form is None else find_format(form), tokenizer=engine.tokenizer
    )


def _identity(engine: Engine) -> dict[str, Any]:
    """What a model and its tokenizer are known by."""
    import torch

    weights = hashlib.sha256()
    parameters = 0
    kinds: set[str] = set()
    with torch.inference_mode():
        for name, tensor in engine.model.state_dict().items():
            kinds.add(str(tensor.dtype).removeprefix("torch."))
            parameters += tensor.numel()
            weights.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
            if tensor.numel():
                last = tensor.numel() - 1
                places = torch.tensor([last * part // (SAMPLED - 1) for part in range(SAMPLED)], device=tensor.device)
                sample = tensor.reshape(-1)[places].to("cpu", torch.float64)
                weights.update(sample.numpy().tobytes())
    words = json.dumps(sorted(engine.tokenizer.get_vocab().items(), key=lambda item: (item[1], item[0])))
    return {
        "kind": type(engine.model).__name__,
        "parameters": parameters,
        "dtype": sorted(kinds),
        "weights": weights.hexdigest(),
        "tokenizer": hashlib.sha256(words.encode()).hexdigest(),
    }


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as JSON; a format by its name."""
    return {name: getattr(value, "name", value) for name, value in sorted(options.items())}
