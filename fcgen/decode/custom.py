"""Masks -> what `generate` of transformers calls instead of its own loop.

    model.generate(**inputs, custom_generate=fcgen.custom_generate(masks), max_new_tokens=100)

So the entry, the inputs and the options are those of transformers, and the loop is fcgen's: it asks the model only
where there is a choice, copies from the prompt, and closes each reply within `max_new_tokens`. Draws come from torch's
generator, as they do there: `torch.manual_seed` repeats them.

Limits: text prompts; no beams, assistants, streamers or processors of one's own (`fcgen.LogitsProcessor` is for these).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from fcgen.decode.loop import BATCH_SIZE, LOOKUP, Loop
from fcgen.decode.row import Request
from fcgen.decode.sampling import Sampling
from fcgen.errors import OptionError
from fcgen.mask import Masks

# What transformers makes of options that `Sampling` has as well, or of those that change nothing here.
KNOWN = frozenset(
    {"RepetitionPenaltyLogitsProcessor", "TemperatureLogitsWarper", "TopKLogitsWarper", "TopPLogitsWarper"}
    | {"MinPLogitsWarper", "InfNanRemoveLogitsProcessor", "LogitNormalization"}
    | {"MaxLengthCriteria", "EosTokenCriteria"}
)
# What transformers makes of options that are not here; and those that it hands on as they are.
OPTIONS = {
    "MinLengthLogitsProcessor": "min_length", "MinNewTokensLengthLogitsProcessor": "min_new_tokens",
    "NoRepeatNGramLogitsProcessor": "no_repeat_ngram_size", "NoBadWordsLogitsProcessor": "bad_words_ids",
    "SuppressTokensLogitsProcessor": "suppress_tokens", "SequenceBiasLogitsProcessor": "sequence_bias",
    "SuppressTokensAtBeginLogitsProcessor": "begin_suppress_tokens", "TypicalLogitsWarper": "typical_p",
    "ForcedBOSTokenLogitsProcessor": "forced_bos_token_id", "ForcedEOSTokenLogitsProcessor": "forced_eos_token_id",
    "PrefixConstrainedLogitsProcessor": "prefix_allowed_tokens_fn", "StopStringCriteria": "stop_strings",
    "MaxTimeCriteria": "max_time",
}  # fmt: skip
UNKNOWN = ("assistant_model", "streamer", "inputs_embeds")
UNKNOWN_SETTINGS = (
    "prompt_lookup_num_tokens", "assistant_early_exit", "penalty_alpha", "dola_layers", "return_dict_in_generate",
    "output_scores", "output_logits",
)  # fmt: skip


def custom_generate(
    masks: Masks | Sequence[Masks | None], *, batch_size: int = BATCH_SIZE, lookup: int = LOOKUP
) -> Callable[..., torch.Tensor]:
    """What `model.generate(..., custom_generate=...)` takes, to write what the masks allow.

    Args:
        masks: for all rows; or one for each prompt, None where the reply is free.
        batch_size: how many rows are written at the same time, at most.
        lookup: how many tokens that stand in the prompt are proposed at a time; 0: none.

    `generate` then raises OptionError for what this loop cannot do, BudgetTooSmall where no reply fits in
    `max_new_tokens`, and what `Loop.step` raises.
    """

    def write(
        model: Any,
        input_ids: torch.Tensor,
        *,
        generation_config: Any,
        logits_processor: Any = (),
        stopping_criteria: Any = (),
        **others: Any,
    ) -> torch.Tensor:
        _check(model, generation_config, [*logits_processor, *stopping_criteria], others)
        flags = others.get("attention_mask")
        own = torch.ones_like(input_ids) if flags is None else flags
        prompts = [row[is_own.bool()].tolist() for row, is_own in zip(input_ids, own, strict=True)]
        rows = len(prompts)
        each = [masks] * rows if isinstance(masks, Masks) else [one for one in masks for _ in range(rows // len(masks))]
        if len(each) != rows:
            raise OptionError(f"there are {rows} rows, and masks for {len(each)}", hint="Give one for each prompt")
        budget = generation_config.max_length - input_ids.shape[1]
        sampling = _sampling(generation_config)
        loop = Loop(model, _vocabulary(each), batch_size=batch_size, lookup=lookup)
        written = [
            loop.add(Request(prompt, None if one is None else one.cursor(budget=budget), budget, sampling, number))
            for number, (prompt, one) in enumerate(zip(prompts, each, strict=True))
        ]
        loop.run()
        for row in written:
            if row.error is not None:
                raise row.error
        return _together(input_ids, [row.tokens for row in written], generation_config)

    return write


def _check(model: Any, config: Any, processors: Any, others: dict[str, Any]) -> None:
    if getattr(model.config, "is_encoder_decoder", False):
        raise OptionError(
            "custom_generate has no encoder-decoder models", hint="Use fcgen.Engine, or fcgen.LogitsProcessor"
        )
    kinds = [type(one).__name__ for one in processors]
    found = [OPTIONS.get(kind, kind) for kind in kinds if kind not in KNOWN]
    found += [name for name in UNKNOWN if others.get(name) is not None]
    found += [name for name in UNKNOWN_SETTINGS if getattr(config, name, None)]
    if (config.num_beams or 1) > 1:
        found.append(f"num_beams={config.num_beams}")
    if found:
        raise OptionError(
            f"custom_generate has no {', '.join(found)}",
            hint="Use fcgen.LogitsProcessor with transformers' own loop for that",
        )


def _vocabulary(masks: Sequence[Masks | None]) -> Any:
    found = next((one.vocabulary for one in masks if one is not None), None)
    if found is None:
        raise OptionError("no row has masks", hint="Leave custom_generate out")
    return found


def _sampling(config: Any) -> Sampling:
    penalty = 1.0 if config.repetition_penalty is None else config.repetition_penalty
    if not config.do_sample:
        return Sampling(repetition_penalty=penalty)
    return Sampling(
        1.0 if config.temperature is None else config.temperature,
        1.0 if config.top_p is None else config.top_p,
        config.top_k or 0,
        int(torch.randint(2**62, ())),
        config.min_p or 0.0,
        penalty,
    )


def _together(input_ids: torch.Tensor, replies: Sequence[Sequence[int]], config: Any) -> torch.Tensor:
    """The prompts and the replies, padded behind."""
    pad = config.pad_token_id
    if pad is None:
        stops = config.eos_token_id
        pad = stops[0] if isinstance(stops, list) else stops or 0
    width = max(map(len, replies))
    written = torch.tensor([[*reply, *[pad] * (width - len(reply))] for reply in replies], device=input_ids.device)
    return torch.cat([input_ids, written], dim=1)
