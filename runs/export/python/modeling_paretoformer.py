"""A Llama whose layers differ in their heads, kv heads and feed-forward widths, or lack one of the two.

Loads with AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True). `block_configs` of config.json describes
the layers; everything else is transformers' own Llama.
"""

import copy

from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.models.llama.modeling_llama import LlamaAttention, LlamaDecoderLayer, LlamaMLP, LlamaRMSNorm


class ParetoformerConfig(LlamaConfig):
    model_type = "paretoformer"

    def validate_architecture(self):
        """Heads have a size of their own: the width need not be a multiple of their number."""


def _with(config, **sizes):
    shaped = copy.copy(config)
    for name, size in sizes.items():
        setattr(shaped, name, size)
    return shaped


class ParetoformerDecoderLayer(LlamaDecoderLayer):
    """One layer; `cache_index` counts the layers before it that attend, because only those have a cache."""

    def __init__(self, config, block, cache_index):
        super(LlamaDecoderLayer, self).__init__()
        self.hidden_size = config.hidden_size
        attention, ffn = block["attention"], block["ffn"]
        norm = lambda: LlamaRMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.self_attn = self.mlp = None
        if not attention["no_op"]:
            heads = {name: attention[name] for name in ("num_attention_heads", "num_key_value_heads")}
            self.input_layernorm = norm()
            self.self_attn = LlamaAttention(_with(config, **heads), cache_index)
        if not ffn["no_op"]:
            self.post_attention_layernorm = norm()
            self.mlp = LlamaMLP(_with(config, intermediate_size=ffn["intermediate_size"]))

    def forward(self, hidden_states, *args, **kwargs):
        if self.self_attn is not None:
            hidden_states = hidden_states + self.self_attn(self.input_layernorm(hidden_states), *args, **kwargs)[0]
        if self.mlp is not None:
            hidden_states = hidden_states + self.mlp(self.post_attention_layernorm(hidden_states))
        return hidden_states


class ParetoformerForCausalLM(LlamaForCausalLM):
    config_class = ParetoformerConfig

    def __init__(self, config):
        super().__init__(config)
        layers, cache_index = [], 0
        for block in config.block_configs:
            layers.append(ParetoformerDecoderLayer(config, block, cache_index))
            cache_index += not block["attention"]["no_op"]
        self.model.layers = nn.ModuleList(layers)
        self.post_init()
