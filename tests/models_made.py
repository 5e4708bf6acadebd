"""Tiny random language models: what a model says is noise, so that only the grammar can make sense of a reply."""

import torch
from transformers import LlamaConfig, LlamaForCausalLM

# Work this small is slowed down by sharing it, on a busy machine many times over.
torch.set_num_threads(1)


def tiny_llama(tokenizer, *, seed=0, padding=0, dtype=torch.float32, context=4096):
    """A Llama of two layers for `tokenizer`, with `padding` logits that no token has."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer) + padding,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=context,
        initializer_range=0.3,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config).to(dtype).eval()
