"""Config files that say something else than the tensors."""

from breakages.table import broken, lost
from folders import change_config, change_json


@broken("untied mixture", "AR403", "error", "refuses", unsafe=True)
def other_key_value_heads(folder):
    change_config(folder, num_key_value_heads=1)


@broken("mixtral fused", "AR403", "error", "refuses", unsafe=True)
def heads_that_do_not_divide(folder):
    """Of the size of a head, which the config does not say, a part is lost."""
    change_config(folder, num_attention_heads=3)


@broken("wide", "AR403", "error", "refuses", unsafe=True)
def head_dim_lost(folder):
    change_json(folder / "config.json", lambda config: config.pop("head_dim"))


@broken("untied correction", "CF316", "error", "complains", mendable=False)
def attention_bias_claimed(folder):
    """Or the biases are lost: the stored tensors are the same."""
    change_config(folder, attention_bias=True)


@broken("biased", "CF316", "error", "complains", unsafe=True)
def attention_bias_denied(folder):
    change_config(folder, attention_bias=False)


@broken("correction", "CF316", "error", "complains", unsafe=True)
def more_dense_layers(folder):
    change_config(folder, first_k_dense_replace=2)


@broken("untied mixtral", "AR407", "error", "complains", unsafe=True)
def config_of_a_deeper_model(folder):
    change_config(folder, num_hidden_layers=4)


@broken("untied correction", "AR408", "error", "complains", unsafe=True)
def config_of_a_shallower_model(folder):
    change_config(folder, num_hidden_layers=1)


@broken("untied shards tied", "TK501", "error", "refuses", unsafe=True)
def vocabulary_of_the_base(folder):
    """Rows were added, and the config is still that of the base."""
    change_config(folder, vocab_size=80)


@lost("untied", "CF314", "error", "refuses")
def generation_refused(folder):
    change_json(folder / "generation_config.json", lambda config: config.update(max_new_tokens=0))


@broken("tied-by-flag mixture", "CF311", "error", "refuses", unsafe=True)
def model_type_lost(folder):
    change_json(folder / "config.json", lambda config: config.pop("model_type"))


@broken("tied", "AR424", "error", "complains", unsafe=True)
def model_type_of_the_first_gemma(folder):
    change_config(folder, model_type="gemma", architectures=["GemmaForCausalLM"])


@broken("bf16-shards", "AR424", "error", "complains", unsafe=True)
def model_type_of_the_last_qwen(folder):
    change_config(folder, model_type="qwen2", architectures=["Qwen2ForCausalLM"])


@broken("mixture", "CF316", "error", "complains", unsafe=True)
def layers_without_experts_named(folder):
    """The config says of a layer with experts that it has none."""
    change_config(folder, mlp_only_layers=[0])
