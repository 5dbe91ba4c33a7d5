"""Tiny models of every family that has a rule, written by transformers."""

import os
from dataclasses import dataclass, field, replace

import deepseek_first
import torch
import transformers

# The smallest transformer that has grouped heads and more than one layer.
SMALL = dict(
    vocab_size=96, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, intermediate_size=48
)
EXPERTS = dict(num_experts=4, num_experts_per_tok=2, moe_intermediate_size=16)
SEQUENCE, TOKEN, QUESTION = "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering"
CLASSIFIED = {SEQUENCE: dict(num_labels=3), TOKEN: dict(num_labels=5), QUESTION: {}}
BOTH_WAYS_TIED = {"tied": dict(tie_word_embeddings=True), "untied": dict(tie_word_embeddings=False)}
TEXT_TIED = {"text-tied": dict(text_config=SMALL | dict(tie_word_embeddings=True))}
HEADS = {
    "one-kv-head": dict(num_key_value_heads=1),
    "all-kv-heads": dict(num_key_value_heads=4),
    "wide-head": dict(head_dim=16),
}
LAYERS = {"one-layer": dict(num_hidden_layers=1), "padded-vocabulary": dict(vocab_size=128)}
ABSENT = object()  # takes a key out of a config
BIAS = {"bias": dict(attention_bias=True)}


@dataclass(frozen=True)
class Family:
    model_type: str
    prefix: str  # of its classes: Llama
    config: dict
    variants: dict = field(default_factory=dict)  # name: what changes in the config, or None for no such variant
    heads: tuple = (SEQUENCE, TOKEN, QUESTION)
    first: str = "ForCausalLM"
    base: str = "Model"
    others: dict = field(default_factory=dict)  # further classes: what changes in the config
    memory: bool = False  # transformers holds other names in memory than it writes

    def classes(self):
        change = {self.prefix + self.first: {}, self.prefix + self.base: {}}
        change |= {self.prefix + head: CLASSIFIED[head] for head in self.heads}
        return change | self.others


def dense(model_type, prefix, *, variants=None, heads=(SEQUENCE, TOKEN, QUESTION), **more):
    config = more.pop("config", {})
    return Family(
        model_type, prefix, SMALL | config, BOTH_WAYS_TIED | HEADS | LAYERS | (variants or {}), heads=heads, **more
    )


EXPERT_VARIANTS = {
    "one-expert": dict(num_experts=1, num_experts_per_tok=1),
    "dense-first": dict(mlp_only_layers=[0]),
    "dense-all": dict(mlp_only_layers=[0, 1]),
    "every-second-sparse": dict(decoder_sparse_step=2, num_hidden_layers=3),
    "no-experts": dict(num_experts=0),
}
DEEPSEEK = dict(
    num_key_value_heads=4, n_routed_experts=4, num_experts_per_tok=2, n_group=2, topk_group=1, moe_intermediate_size=16,
    q_lora_rank=12, kv_lora_rank=10, qk_nope_head_dim=8, qk_rope_head_dim=4, v_head_dim=6, first_k_dense_replace=1,
)  # fmt: skip
MAMBA = dict(
    vocab_size=96, hidden_size=32, num_attention_heads=4, num_key_value_heads=2, head_dim=8, intermediate_size=48,
    layers_block_type=["mamba", "attention", "moe", "mlp"], mamba_num_heads=4, mamba_head_dim=6, n_groups=2,
    ssm_state_size=5, n_routed_experts=4, moe_intermediate_size=12, moe_shared_expert_intermediate_size=14,
)  # fmt: skip
NEXT = dict(
    num_hidden_layers=4, head_dim=8, shared_expert_intermediate_size=20, linear_num_key_heads=2,
    linear_num_value_heads=4, linear_key_head_dim=6, linear_value_head_dim=10,
)  # fmt: skip
GEMMA3N = dict(
    num_hidden_layers=7, num_kv_shared_layers=2, head_dim=8, vocab_size_per_layer_input=50, hidden_size_per_layer_input=6,
    laurel_rank=5, altup_num_inputs=3,
)  # fmt: skip
HYBRID = dict(
    layer_types=["mamba", "attention"], num_local_experts=4, shared_intermediate_size=24, mamba_n_heads=4, mamba_d_state=5
)  # fmt: skip
GEMMA4 = dict(
    num_hidden_layers=4, head_dim=8, global_head_dim=16, vocab_size_per_layer_input=50, hidden_size_per_layer_input=6,
    layer_types=["sliding_attention", "full_attention"] * 2,
)  # fmt: skip
SLIM, WIDE = dict(num_key_value_heads=1), dict(head_dim=12)
VISION = dict(depth=2, hidden_size=24, intermediate_size=40, num_heads=2, out_hidden_size=32, patch_size=4)
T5 = dict(vocab_size=96, d_model=32, d_kv=6, d_ff=40, num_layers=2, num_heads=4)
ENCODER = dict(
    vocab_size=96, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, max_position_embeddings=40
)
BERT_HEADS = {
    "BertLMHeadModel": dict(is_decoder=True),
    "BertForPreTraining": {},
    "BertForNextSentencePrediction": {},
    "BertForMultipleChoice": {},
}

FAMILIES = [
    dense("llama", "Llama", variants=BIAS | {"mlp-bias": dict(mlp_bias=True)}),
    dense("mistral", "Mistral"),
    dense("qwen2", "Qwen2", variants={"sliding": dict(use_sliding_window=True, max_window_layers=1)}),
    dense("qwen3", "Qwen3", config=dict(head_dim=8), variants=BIAS),
    dense("gemma", "Gemma", config=dict(head_dim=8), variants=BIAS, heads=(SEQUENCE, TOKEN)),
    dense("gemma2", "Gemma2", config=dict(head_dim=8), variants=BIAS, heads=(SEQUENCE, TOKEN)),
    dense(
        "gemma3_text", "Gemma3", config=dict(head_dim=8), variants=BIAS, heads=(), base="TextModel",
        others={"Gemma3TextForSequenceClassification": CLASSIFIED[SEQUENCE]},
    ),  # fmt: skip
    dense("phi3", "Phi3", config=dict(pad_token_id=0), heads=(SEQUENCE, TOKEN)),
    dense("cohere", "Cohere", variants=BIAS | {"qk-norm": dict(use_qk_norm=True)}, heads=()),
    dense("olmo2", "Olmo2", variants=BIAS, heads=(SEQUENCE,)),
    dense(
        "mixtral", "Mixtral", config=dict(num_local_experts=4), memory=True,
        variants={"one-expert": dict(num_local_experts=1, num_experts_per_tok=1)},
    ),  # fmt: skip
    dense(
        "qwen2_moe", "Qwen2Moe", config=EXPERTS | dict(shared_expert_intermediate_size=24), memory=True,
        variants=EXPERT_VARIANTS | {"no-bias": dict(qkv_bias=False)},
    ),  # fmt: skip
    dense("qwen3_moe", "Qwen3Moe", config=EXPERTS, memory=True, variants=EXPERT_VARIANTS | BIAS),
    Family(
        "deepseek_v3", "DeepseekV3", SMALL | DEEPSEEK, memory=True, heads=(SEQUENCE, TOKEN),
        variants=BOTH_WAYS_TIED | LAYERS | BIAS | {
            "all-dense": dict(first_k_dense_replace=2),
            "all-sparse": dict(first_k_dense_replace=0),
            "two-shared": dict(n_shared_experts=2),
            "plain-query": dict(q_lora_rank=None),
            "no-prediction": dict(num_nextn_predict_layers=0),
        },
    ),  # fmt: skip
    Family(
        "gpt2", "GPT2", dict(vocab_size=96, n_embd=32, n_layer=2, n_head=4, n_positions=40), first="LMHeadModel",
        variants=BOTH_WAYS_TIED | {"inner": dict(n_inner=50), "cross": dict(add_cross_attention=True)},
        others={"GPT2DoubleHeadsModel": {}},
    ),  # fmt: skip
    Family(
        "bert", "Bert", ENCODER, first="ForMaskedLM",
        variants=BOTH_WAYS_TIED | {"cross": dict(is_decoder=True, add_cross_attention=True)},
        others=BERT_HEADS,
    ),  # fmt: skip
    Family(
        "t5", "T5", T5, first="ForConditionalGeneration",
        variants=BOTH_WAYS_TIED | {
            "gated": dict(feed_forward_proj="gated-gelu"), "gated-by-flag": dict(is_gated_act=True),
            "short-decoder": dict(num_decoder_layers=1),
            "many-buckets": dict(relative_attention_num_buckets=48),
        },
        others={"T5EncoderModel": {}},
    ),  # fmt: skip
    dense(
        "qwen3_next", "Qwen3Next", config=EXPERTS | NEXT, memory=True,
        variants=BIAS | {
            "dense-first": dict(mlp_only_layers=[0]),
            "interval": dict(full_attention_interval=2),
            "all-full": dict(layer_types=["full_attention"] * 4),
            "one-layer": dict(num_hidden_layers=1, full_attention_interval=1),
        },
    ),  # fmt: skip
    dense(
        "gemma3n_text", "Gemma3n", config=GEMMA3N, heads=(), base="TextModel",
        variants=BIAS | {
            "one-layer": dict(num_hidden_layers=1, num_kv_shared_layers=0),
            "no-shared": dict(num_kv_shared_layers=0),
            "layer-widths": dict(intermediate_size=[48, 40, 32, 24, 48, 40, 32]),
        },
    ),  # fmt: skip
    Family(
        "nemotron_h", "NemotronH", MAMBA, heads=(), memory=True,
        variants=BOTH_WAYS_TIED | {
            "pattern": dict(layers_block_type=ABSENT, hybrid_override_pattern="M*-M"),
            "mamba-bias": dict(use_bias=True, use_conv_bias=False),
            "mlp-bias": dict(mlp_bias=True),
            "latent": dict(moe_latent_size=16),
        },
    ),  # fmt: skip
    dense("granite", "Granite", variants=BIAS | {"mlp-bias": dict(mlp_bias=True)}, heads=()),
    dense("smollm3", "SmolLM3", config=dict(pad_token_id=0), variants=BIAS | {"mlp-bias": dict(mlp_bias=True)}),
    dense("exaone4", "Exaone4"),
    dense(
        "glm4", "Glm4", config=dict(head_dim=8, pad_token_id=0), heads=(SEQUENCE, TOKEN),
        variants={"no-bias": dict(attention_bias=False)},
    ),  # fmt: skip
    dense("olmoe", "Olmoe", config=EXPERTS, variants=BIAS | {"wide-head": None}, heads=(), memory=True),
    dense("granitemoe", "GraniteMoe", config=dict(num_local_experts=4), variants=BIAS, heads=(), memory=True),
    dense(
        "gpt_oss", "GptOss", config=dict(head_dim=8, num_local_experts=4, num_experts_per_tok=2), heads=(SEQUENCE, TOKEN),
        variants={"no-bias": dict(attention_bias=False)},
    ),  # fmt: skip
    dense(
        "glm4_moe", "Glm4Moe", heads=(), memory=True,
        config=dict(n_routed_experts=4, num_experts_per_tok=2, moe_intermediate_size=16, first_k_dense_replace=1),
        variants=BIAS | {
            "qk-norm": dict(use_qk_norm=True),
            "two-shared": dict(n_shared_experts=2),
            "all-sparse": dict(first_k_dense_replace=0),
        },
    ),  # fmt: skip
    dense("phi", "Phi", variants={"qk-norm": dict(qk_layernorm=True), "wide-head": None}, heads=(SEQUENCE, TOKEN)),
    dense(
        "stablelm", "StableLm", heads=(SEQUENCE, TOKEN),
        variants={
            "qk-norm": dict(qk_layernorm=True), "bias": dict(use_qkv_bias=True),
            "parallel": dict(use_parallel_residual=True), "wide-head": None,
        },
    ),  # fmt: skip
    dense("starcoder2", "Starcoder2", variants={"no-bias": dict(use_bias=False)}, heads=(SEQUENCE, TOKEN)),
    Family(
        "gpt_neox", "GPTNeoX", {key: value for key, value in SMALL.items() if key != "num_key_value_heads"},
        variants=BOTH_WAYS_TIED | LAYERS | {"no-bias": dict(attention_bias=False)}, memory=True,
    ),  # fmt: skip
    Family(
        "opt", "OPT",
        dict(vocab_size=96, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, ffn_dim=40, max_position_embeddings=40),
        variants=BOTH_WAYS_TIED | {
            "projected": dict(word_embed_proj_dim=20), "no-bias": dict(enable_bias=False),
            "not-affine": dict(layer_norm_elementwise_affine=False), "norm-after": dict(do_layer_norm_before=False),
        },
        heads=(SEQUENCE, QUESTION),
    ),  # fmt: skip
    Family(
        "roberta", "Roberta", ENCODER | dict(pad_token_id=1), first="ForMaskedLM",
        variants=BOTH_WAYS_TIED | {"cross": dict(is_decoder=True, add_cross_attention=True)},
        others={"RobertaForCausalLM": dict(is_decoder=True), "RobertaForMultipleChoice": {}},
    ),  # fmt: skip
    Family(
        "electra", "Electra", ENCODER | dict(embedding_size=20), first="ForMaskedLM",
        variants=BOTH_WAYS_TIED | {"square": dict(embedding_size=32)},
        others={"ElectraForPreTraining": {}, "ElectraForMultipleChoice": {}},
    ),  # fmt: skip
    Family(
        "distilbert", "DistilBert",
        dict(vocab_size=96, dim=32, n_layers=2, n_heads=4, hidden_dim=40, max_position_embeddings=40),
        first="ForMaskedLM", variants=BOTH_WAYS_TIED, others={"DistilBertForMultipleChoice": {}},
    ),  # fmt: skip
    Family(
        "qwen3_5_text", "Qwen3_5", SMALL | {key: value for key, value in NEXT.items() if "shared" not in key},
        heads=(), base="TextModel",
        variants=BOTH_WAYS_TIED | BIAS | {"interval": dict(full_attention_interval=2)},
        others={"Qwen3_5TextForSequenceClassification": CLASSIFIED[SEQUENCE]},
    ),  # fmt: skip
    Family(
        "qwen2_vl", "Qwen2VL",
        dict(
            text_config=SMALL,
            vision_config=dict(depth=2, embed_dim=24, hidden_size=32, mlp_ratio=2, num_heads=2, patch_size=4),
        ),
        heads=(), first="ForConditionalGeneration", memory=True, variants=BOTH_WAYS_TIED | TEXT_TIED,
    ),  # fmt: skip
    Family(
        "qwen2_5_vl", "Qwen2_5_VL", dict(text_config=SMALL, vision_config=VISION), heads=(), memory=True,
        first="ForConditionalGeneration",
        variants=BOTH_WAYS_TIED | TEXT_TIED | {
            "one-block": dict(vision_config=VISION | dict(depth=1)),
            "unmerged": dict(vision_config=VISION | dict(spatial_merge_size=1)),
            "one-kv-head": dict(text_config=SMALL | dict(num_key_value_heads=1)),
        },
    ),  # fmt: skip
    dense(
        "seed_oss", "SeedOss", config=dict(head_dim=8),
        variants={
            "derived-head": dict(head_dim=None), "no-bias": dict(attention_bias=False),
            "out-bias": dict(attention_out_bias=True), "mlp-bias": dict(mlp_bias=True),
            "null-kv-heads": dict(num_key_value_heads=None),
        },
    ),  # fmt: skip
    dense(
        "cohere2", "Cohere2", heads=(),
        variants=BIAS | {"pattern": dict(sliding_window_pattern=2), "all-full": dict(layer_types=["full_attention"] * 2)},
    ),  # fmt: skip
    dense(
        "cohere2_moe", "Cohere2Moe", heads=(), memory=True,
        config=dict(head_dim=8, num_experts=4, num_experts_per_tok=2),
        variants=BIAS | {
            "one-expert": dict(num_experts=1, num_experts_per_tok=1), "shared": dict(num_shared_experts=2),
            "dense-first": dict(first_k_dense_replace=1, prefix_dense_intermediate_size=40),
            "dense-as-wide": dict(first_k_dense_replace=1), "dense-all": dict(first_k_dense_replace=2),
            "dense-last": dict(mlp_layer_types=["sparse", "dense"], layer_types=["full_attention"] * 2),
            "rms-norm": dict(rms_norm_eps=1e-6),
        },
    ),  # fmt: skip
    dense(
        "lfm2", "Lfm2", heads=(), config=dict(block_multiple_of=16, full_attn_idxs=[0]),
        variants={
            "convolution-bias": dict(conv_bias=True), "as-wide-as-said": dict(block_auto_adjust_ff_dim=False),
            "all-attention": dict(full_attn_idxs=ABSENT), "no-attention": dict(full_attn_idxs=[]),
            "layer-types": dict(layer_types=["conv", "full_attention"]), "long-convolution": dict(conv_L_cache=4),
            "twice-as-wide": dict(block_ffn_dim_multiplier=2.0), "default-multiple": dict(block_multiple_of=ABSENT),
            "old-names": dict(block_ff_dim=72, tie_embedding=False, full_attn_idxs=[1]),
        },
    ),  # fmt: skip
    dense(
        "lfm2_moe", "Lfm2Moe", heads=(), memory=True,
        config=EXPERTS | dict(num_dense_layers=1, layer_types=["conv", "full_attention"]),
        variants={
            "one-layer": dict(num_hidden_layers=1, layer_types=["full_attention"]),
            "one-expert": dict(num_experts=1, num_experts_per_tok=1), "all-sparse": dict(num_dense_layers=0),
            "all-dense": dict(num_dense_layers=2), "no-expert-bias": dict(use_expert_bias=False),
            "convolution-bias": dict(conv_bias=True), "old-names": dict(tie_embedding=False),
        },
    ),  # fmt: skip
    dense(
        "dots1", "Dots1", heads=(), memory=True,
        config=dict(n_routed_experts=4, num_experts_per_tok=2, n_shared_experts=1, moe_intermediate_size=16, first_k_dense_replace=1),
        variants=BIAS | {
            "all-sparse": dict(first_k_dense_replace=ABSENT), "two-shared": dict(n_shared_experts=2),
            "all-dense": dict(first_k_dense_replace=2) | dict.fromkeys(("n_routed_experts", "num_experts_per_tok", "n_shared_experts"), ABSENT),
            "grouped": dict(n_group=2, topk_group=1), "sliding": dict(max_window_layers=1), "no-window": dict(sliding_window=None),
        },
    ),  # fmt: skip
    dense(
        "ernie4_5", "Ernie4_5", config=dict(head_dim=8), heads=(),
        variants={"bias": dict(use_bias=True), "derived-head": dict(head_dim=None), "null-bias": dict(use_bias=None)},
    ),  # fmt: skip
    dense(
        "ernie4_5_moe", "Ernie4_5_Moe", heads=(), memory=True, config=dict(moe_num_experts=4, moe_k=2, moe_intermediate_size=16),
        variants={
            "bias": dict(use_bias=True), "bias-untied": dict(use_bias=True, tie_word_embeddings=False),
            "no-shared": dict(moe_num_shared_experts=0), "all-sparse": dict(moe_layer_start_index=0),
            "dense-last": dict(moe_layer_end_index=1, num_hidden_layers=3),
            "every-second-sparse": dict(moe_layer_interval=2, num_hidden_layers=4),
            "one-expert": dict(moe_num_experts=1, moe_k=1, moe_num_shared_experts=1),
            "other-names": dict(moe_num_experts=ABSENT, moe_k=ABSENT, num_experts=4, num_experts_per_tok=2),
        },
    ),  # fmt: skip
    dense(
        "flex_olmo", "FlexOlmo", heads=(), memory=True, config=dict(num_experts=4, num_experts_per_tok=2, pad_token_id=0),
        variants=BIAS | {"one-expert": dict(num_experts=1, num_experts_per_tok=1), "no-padding": dict(pad_token_id=None)},
    ),  # fmt: skip
    dense("hunyuan_v1_dense", "HunYuanDenseV1", config=dict(head_dim=8), heads=(SEQUENCE,), variants=BIAS),
    dense(
        "hunyuan_v1_moe", "HunYuanMoEV1", config=dict(head_dim=8, num_experts=4, moe_topk=2), heads=(SEQUENCE,), memory=True,
        variants=BIAS | {
            "top-by-layer": dict(moe_topk=[2, 1]), "one-expert": dict(num_experts=ABSENT, moe_topk=ABSENT),
            "other-names": dict(num_experts=ABSENT, moe_topk=ABSENT, num_local_experts=4, num_experts_per_tok=2),
        },
    ),  # fmt: skip
    dense(
        "granitemoeshared", "GraniteMoeShared", config=dict(num_local_experts=4), heads=(), memory=True,
        variants=BIAS | {"shared": dict(shared_intermediate_size=24), "one-expert": dict(num_local_experts=1, num_experts_per_tok=1)},
    ),  # fmt: skip
    dense(
        "granitemoehybrid", "GraniteMoeHybrid", heads=(), memory=True, config=HYBRID,
        variants=BIAS | {
            "one-layer": dict(num_hidden_layers=1, layer_types=["mamba"]), "no-experts": dict(num_local_experts=0),
            "new-types": dict(layer_types=["full_attention", "linear_attention"]), "all-mamba": dict(layer_types=ABSENT),
            "other-names": dict(layer_types=ABSENT, layers_block_type=["attention", "mamba"]),
            "groups": dict(mamba_n_groups=2), "projection-bias": dict(mamba_proj_bias=True, mamba_conv_bias=False),
            "expanded": dict(mamba_expand=4, mamba_d_conv=3), "rotary": dict(position_embedding_type="rope"),
        },
    ),  # fmt: skip
    Family(
        "deepseek", "Deepseek", heads=(SEQUENCE,),
        config=SMALL | dict(
            n_routed_experts=4, num_experts_per_tok=2, n_shared_experts=2, moe_intermediate_size=16, first_k_dense_replace=1,
            bos_token_id=1, eos_token_id=2,
        ),
        variants=BOTH_WAYS_TIED | LAYERS | BIAS | {
            "one-kv-head": dict(num_key_value_heads=1), "all-sparse": dict(first_k_dense_replace=0),
            "all-dense": dict(n_routed_experts=ABSENT), "no-shared": dict(n_shared_experts=None),
            "every-second-sparse": dict(moe_layer_freq=2, num_hidden_layers=4),
            "one-expert": dict(n_routed_experts=1, num_experts_per_tok=1),
        },
    ),  # fmt: skip
    dense("ministral3", "Ministral3", config=dict(head_dim=8)),
    Family(
        "deepseek_v2", "DeepseekV2", heads=(SEQUENCE,), memory=True,
        config=SMALL | {key: value for key, value in DEEPSEEK.items() if "group" not in key},
        variants=BOTH_WAYS_TIED | LAYERS | BIAS | {
            "mlp-bias": dict(mlp_bias=True), "all-dense": dict(first_k_dense_replace=2, num_experts_per_tok=ABSENT),
            "all-sparse": dict(first_k_dense_replace=0), "one-shared": dict(n_shared_experts=1),
            "plain-query": dict(q_lora_rank=None), "groups": dict(topk_method="group_limited_greedy", n_group=2, topk_group=1),
            "one-expert": dict(n_routed_experts=1, num_experts_per_tok=1),
        },
    ),  # fmt: skip
    Family(
        "falcon", "Falcon",
        dict(vocab_size=96, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, bos_token_id=1, eos_token_id=2),
        variants=BOTH_WAYS_TIED | LAYERS | {
            "bias": dict(bias=True), "in-turn": dict(parallel_attn=False), "all-kv-heads": dict(multi_query=False),
            "wide": dict(ffn_hidden_size=48), "alibi": dict(alibi=True), "old-name": dict(hidden_size=ABSENT, n_embed=32),
            "new": dict(new_decoder_architecture=True, num_kv_heads=2, bias=True),
            "new-one-norm": dict(new_decoder_architecture=True, num_kv_heads=2, num_ln_in_parallel_attn=1),
            "new-in-turn": dict(new_decoder_architecture=True, parallel_attn=False), "two-norms": dict(num_ln_in_parallel_attn=2),
        },
    ),  # fmt: skip
    Family(
        "qwen3_5_moe_text", "Qwen3_5Moe", SMALL | EXPERTS | NEXT, heads=(), base="TextModel", memory=True,
        variants=BOTH_WAYS_TIED | BIAS | {
            "interval": dict(full_attention_interval=2), "one-expert": dict(num_experts=1, num_experts_per_tok=1),
            "all-full": dict(layer_types=["full_attention"] * 4),
        },
    ),  # fmt: skip
    dense(
        "gemma4_text", "Gemma4", config=GEMMA4, heads=(), base="TextModel",
        variants=BIAS | {
            "all-kv-heads": dict(num_key_value_heads=4), "one-layer": dict(num_hidden_layers=1, layer_types=["sliding_attention"]),
            "default-types": dict(layer_types=ABSENT, num_hidden_layers=7), "no-inputs": dict(hidden_size_per_layer_input=0),
            "shared": dict(num_kv_shared_layers=2, use_double_wide_mlp=True), "shared-bias": dict(num_kv_shared_layers=2, attention_bias=True),
            "keys-as-values": dict(attention_k_eq_v=True, num_global_key_value_heads=1), "global-kv-unused": dict(num_global_key_value_heads=1),
            "experts": dict(enable_moe_block=True, num_experts=4, top_k_experts=2, moe_intermediate_size=16),
            "layer-heads": dict(global_head_dim=ABSENT, per_layer_config={0: SLIM, 1: WIDE, 2: SLIM, 3: WIDE}),
        },
    ),  # fmt: skip
]  # fmt: skip


def class_named(name):
    return getattr(deepseek_first, name, None) or getattr(transformers, name)


@dataclass(frozen=True)
class Model:
    family: str
    name: str
    class_name: str
    config: dict
    save: dict = field(default_factory=dict)  # arguments of save_pretrained
    dtype: torch.dtype = torch.float32
    seed: int = 0

    def __str__(self):
        return f"{self.family}-{self.name}"

    def write(self, folder):
        """Builds the model and writes it as transformers does."""
        config_class = transformers.CONFIG_MAPPING[self.family]
        config = config_class.from_dict(dict(self.config))
        torch.manual_seed(self.seed)
        model = class_named(self.class_name)(config)
        with torch.no_grad():
            for weight in model.parameters():
                weight += 0.02 * torch.randn_like(weight)  # none is constant, so that each shows in the logits
        model.to(self.dtype).save_pretrained(folder, **self.save)
        return model


def models_of(family):
    first = family.prefix + family.first

    def model(name, change=None, class_name=first, **more):
        config = family.config | (change or {})
        config = {key: value for key, value in config.items() if value is not ABSENT}
        return Model(family.model_type, name, class_name, config, **more)

    yield model("plain")
    for name, change in family.variants.items():
        if change is not None:
            yield model(name, change)
    for class_name, change in family.classes().items():
        if class_name != first:
            yield model(class_name, change, class_name)
    yield model("bfloat16", dtype=torch.bfloat16)
    yield model("sharded", save=dict(max_shard_size="20KB"))
    if family.memory:
        yield model("memory", save=dict(save_original_format=False))
        base = family.prefix + family.base
        yield model("memory-" + base, class_name=base, save=dict(save_original_format=False))


def model_named(name, **change):
    """One model of the table, by what str() gives: 'llama-tied'."""
    (model,) = (model for family in FAMILIES for model in models_of(family) if str(model) == name)
    return replace(model, **change)


# In the sample of each family that has them; one more of each goes round, from family to family.
SAMPLE = {"plain", "tied", "untied", "one-kv-head", "dense-first", "bias", "bfloat16", "sharded"}


def all_models():
    """All where INTEROP=all, else a sample."""
    for at, family in enumerate(FAMILIES):
        models = list(models_of(family))
        if os.environ.get("INTEROP") != "all":
            further = [model for model in models if model.name not in SAMPLE]
            models = [model for model in models if model.name in SAMPLE] + further[at % len(further) :][:1]
        yield from models
