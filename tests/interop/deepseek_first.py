"""The first DeepSeek MoE, of which transformers has no class: written anew from its documented names and settings, on
transformers' llama, whose attention and norms it has."""

import torch
import transformers
from torch import nn
from transformers.modeling_layers import GenericForSequenceClassification
from transformers.models.llama import modeling_llama as llama


class DeepseekConfig(transformers.LlamaConfig):
    model_type = "deepseek"

    vocab_size: int = 102400
    intermediate_size: int = 11008
    moe_intermediate_size: int = 1407
    num_hidden_layers: int = 30
    num_key_value_heads: int | None = 32
    n_shared_experts: int | None = None
    n_routed_experts: int | None = None
    num_experts_per_tok: int | None = None
    moe_layer_freq: int = 1
    first_k_dense_replace: int = 0
    norm_topk_prob: bool = False
    scoring_func: str = "softmax"
    bos_token_id: int | None = 100000
    eos_token_id: int | list[int] | None = 100001

    def is_sparse(self, layer):
        return (
            self.n_routed_experts is not None and layer >= self.first_k_dense_replace and layer % self.moe_layer_freq == 0
        )


class DeepseekMLP(nn.Module):
    def __init__(self, config, width):
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, width, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, width, bias=False)
        self.down_proj = nn.Linear(width, config.hidden_size, bias=False)
        self.act = transformers.activations.ACT2FN[config.hidden_act]

    def forward(self, hidden):
        return self.down_proj(self.act(self.gate_proj(hidden)) * self.up_proj(hidden))


class DeepseekMoE(nn.Module):
    def __init__(self, config):
        super().__init__()
        assert config.scoring_func == "softmax"
        self.top, self.normed = config.num_experts_per_tok, config.norm_topk_prob
        self.gate = nn.Linear(config.hidden_size, config.n_routed_experts, bias=False)
        width = config.moe_intermediate_size
        self.experts = nn.ModuleList(DeepseekMLP(config, width) for _ in range(config.n_routed_experts))
        self.shared_experts = None
        if config.n_shared_experts is not None:
            self.shared_experts = DeepseekMLP(config, width * config.n_shared_experts)

    def forward(self, hidden):
        weights, chosen = self.gate(hidden).softmax(-1, dtype=torch.float32).topk(self.top, dim=-1)
        if self.top > 1 and self.normed:
            weights = weights / (weights.sum(-1, keepdim=True) + 1e-20)
        result = torch.zeros_like(hidden)
        for number, expert in enumerate(self.experts):
            share = torch.where(chosen == number, weights, 0).sum(-1, keepdim=True)
            result = result + share.to(hidden.dtype) * expert(hidden)
        return result if self.shared_experts is None else result + self.shared_experts(hidden)


class DeepseekDecoderLayer(llama.LlamaDecoderLayer):
    def __init__(self, config, layer):
        super().__init__(config, layer)
        self.mlp = DeepseekMoE(config) if config.is_sparse(layer) else DeepseekMLP(config, config.intermediate_size)


class DeepseekPreTrainedModel(llama.LlamaPreTrainedModel):
    config_class = DeepseekConfig
    config: DeepseekConfig


class DeepseekModel(DeepseekPreTrainedModel, llama.LlamaModel):
    def __init__(self, config):
        super().__init__(config)
        self.layers = nn.ModuleList(DeepseekDecoderLayer(config, layer) for layer in range(config.num_hidden_layers))
        self.post_init()


class DeepseekForCausalLM(DeepseekPreTrainedModel, llama.LlamaForCausalLM):
    def __init__(self, config):
        super().__init__(config)
        self.model = DeepseekModel(config)
        self.post_init()


class DeepseekForSequenceClassification(GenericForSequenceClassification, DeepseekPreTrainedModel):
    pass


transformers.AutoConfig.register("deepseek", DeepseekConfig)
transformers.AutoModel.register(DeepseekConfig, DeepseekModel)
transformers.AutoModelForCausalLM.register(DeepseekConfig, DeepseekForCausalLM)
