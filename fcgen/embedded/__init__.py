"""The embedded default model, "smollm2": SmolLM2-135M-Instruct, fetched and converted on first use."""

from fcgen.embedded.cache import CachedModel, cache_folder, cached_models, embedded_path

__all__ = ["CachedModel", "cache_folder", "cached_models", "embedded_path"]
