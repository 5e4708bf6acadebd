"""Tiny random language models: what a model says is noise, so that only the grammar can make sense of a reply."""

import torch
import transformers
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


def tiny(kind, tokenizer, *, seed=0, padding=0):
    """A model of another architecture: "gpt2", "mistral" (with a window of 8 tokens), "mamba", "t5" or "bart"."""
    torch.manual_seed(seed)
    ids = {
        "vocab_size": len(tokenizer) + padding,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    if kind == "gpt2":
        config = transformers.GPT2Config(**ids, n_embd=32, n_layer=2, n_head=4, n_positions=1024, initializer_range=0.3)
        return transformers.GPT2LMHeadModel(config).eval()
    if kind == "mistral":
        config = transformers.MistralConfig(
            **ids,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            sliding_window=8,
            initializer_range=0.3,
        )
        return transformers.MistralForCausalLM(config).eval()
    if kind == "mamba":
        config = transformers.MambaConfig(
            **ids, hidden_size=32, num_hidden_layers=2, state_size=4, initializer_range=0.3
        )
        return transformers.MambaForCausalLM(config).eval()
    ids["decoder_start_token_id"] = tokenizer.pad_token_id
    if kind == "t5":
        config = transformers.T5Config(**ids, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4)
        return transformers.T5ForConditionalGeneration(config).eval()
    config = transformers.BartConfig(
        **ids,
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        init_std=0.3,
    )
    return transformers.BartForConditionalGeneration(config).eval()
