"""Make the curves a law is fitted to: prune a causal language model, post-train it, log its loss.

Needs the extra ``p2law[experiments]``: torch, transformers, safetensors. Importing this package loads none of them.

>>> from p2law.experiments.architecture import Architecture
>>> shape = Architecture("llama", layers=4, hidden=64, ffn=176, heads=8, kv_heads=4, head_dim=8, vocabulary=257)
>>> shape.body, shape.embedding
(184896, 16448)
"""
