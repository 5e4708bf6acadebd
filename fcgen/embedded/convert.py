"""The embedded model's GGUF file -> a folder that transformers loads.

The quantized weights become the float32 numbers they stand for, exactly, since no smaller type holds all of them. What
transformers would read from the GGUF file at every start, slowly, is written once, as its own files have it.

llama.cpp keeps the rows of the query and key projections in another order (rotary pairs side by side instead of half a
head apart), which is undone here.

Limits: it knows what this one file needs, a Llama model with tied embeddings and a byte-level BPE tokenizer that sets
digits apart; it is no general converter.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

WEIGHTS = "model.safetensors"
CHAT_TEMPLATE = "chat_template.jinja"
FILES = (
    "config.json",
    "generation_config.json",
    WEIGHTS,
    "tokenizer.json",
    "tokenizer_config.json",
    CHAT_TEMPLATE,
)
CONTROL = 3  # the type of special tokens

WHOLE_NAMES = {"token_embd": "model.embed_tokens", "output_norm": "model.norm"}
LAYER_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def convert(file: Path, folder: Path) -> None:
    """Write the model of the GGUF `file` to `folder`, as `FILES`. Raises OSError where it cannot be written."""
    from gguf import GGUFReader

    reader = GGUFReader(file)
    facts = {key: field.contents() for key, field in reader.fields.items()}
    config = _config(facts)
    ends = {key: config[key] for key in ("bos_token_id", "eos_token_id", "pad_token_id")}
    _write_json(folder / "config.json", config)
    _write_json(folder / "generation_config.json", ends)
    _write_json(folder / "tokenizer_config.json", _tokenizer_config(facts, config))
    (folder / CHAT_TEMPLATE).write_text(facts["tokenizer.chat_template"], encoding="utf-8", newline="")
    (folder / "tokenizer.json").write_text(_tokenizer(facts), encoding="utf-8", newline="")
    _write_weights(reader, config, folder / WEIGHTS)


def _config(facts: dict[str, Any]) -> dict[str, Any]:
    heads, width = facts["llama.attention.head_count"], facts["llama.embedding_length"]
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "dtype": "float32",
        "attention_bias": False,
        "bos_token_id": facts["tokenizer.ggml.bos_token_id"],
        "eos_token_id": facts["tokenizer.ggml.eos_token_id"],
        "pad_token_id": facts["tokenizer.ggml.padding_token_id"],
        "head_dim": width // heads,
        "hidden_act": "silu",
        "hidden_size": width,
        "intermediate_size": facts["llama.feed_forward_length"],
        "max_position_embeddings": facts["llama.context_length"],
        "mlp_bias": False,
        "num_attention_heads": heads,
        "num_hidden_layers": facts["llama.block_count"],
        "num_key_value_heads": facts["llama.attention.head_count_kv"],
        "rms_norm_eps": facts["llama.attention.layer_norm_rms_epsilon"],
        "rope_parameters": {"rope_type": "default", "rope_theta": facts["llama.rope.freq_base"]},
        "tie_word_embeddings": True,
        "vocab_size": facts["llama.vocab_size"],
    }


def _tokenizer_config(facts: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    tokens = facts["tokenizer.ggml.tokens"]
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": tokens[config["bos_token_id"]],
        "eos_token": tokens[config["eos_token_id"]],
        "pad_token": tokens[config["pad_token_id"]],
        "model_max_length": config["max_position_embeddings"],
        "clean_up_tokenization_spaces": False,
    }


def _tokenizer(facts: dict[str, Any]) -> str:
    """tokenizer.json."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    tokens = facts["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ")) for merge in facts["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE({token: number for number, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    types = zip(tokens, facts["tokenizer.ggml.token_type"], strict=True)
    special = [AddedToken(token, special=True, normalized=False) for token, kind in types if kind == CONTROL]
    tokenizer.add_special_tokens(special)
    return str(tokenizer.to_str())


def _write_weights(reader: Any, config: dict[str, Any], path: Path) -> None:
    from gguf import dequantize
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
    weights = {}
    for tensor in reader.tensors:
        values = dequantize(tensor.data, tensor.tensor_type)
        part = tensor.name.split(".")[-2]
        if part in heads:
            values = _half_a_head_apart(values, heads[part])
        weights[_name(tensor.name)] = np.ascontiguousarray(values, np.float32)
    try:
        save_file(weights, path, metadata={"format": "pt"})
    except SafetensorError as error:
        raise OSError(str(error)) from error


def _half_a_head_apart(values: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """The rows of each head, 0 1 2 3 ..., as 0 2 4 ... 1 3 5 ...."""
    order = np.arange(len(values)).reshape(heads, -1, 2).swapaxes(1, 2).ravel()
    apart: NDArray[np.float32] = values[order]
    return apart


def _name(name: str) -> str:
    """The tensor's name in transformers."""
    parts = name.split(".")
    if parts[0] == "blk":
        return f"model.layers.{parts[1]}.{LAYER_NAMES[parts[2]]}.{parts[3]}"
    return f"{WHOLE_NAMES[parts[0]]}.{parts[1]}"


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
