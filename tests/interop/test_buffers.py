"""Buffers that old versions stored: which classes pass over them, and which complain of them."""

from dataclasses import replace

import pytest
import torch
import transformers
from breakages.surplus import add_tensors
from models import FAMILIES, models_of

FREQUENCIES = "model.layers.0.self_attn.rotary_emb.inv_freq"
TABLE = "model.layers.0.self_attn.rotary_emb.cos_cached"
POSITIONS = {"granitemoehybrid": dict(position_embedding_type="rope")}


def models():
    for family in FAMILIES:
        model = next(iter(models_of(family)))
        if not hasattr(transformers, model.class_name):
            continue  # of the first deepseek only remote code has the class
        yield pytest.param(model, {}, id=family.model_type)
        if more := POSITIONS.get(family.model_type):
            yield pytest.param(model, more, id=f"{family.model_type}-rope")


@pytest.mark.parametrize("model, more", models())
@pytest.mark.parametrize("buffer", [FREQUENCIES, TABLE], ids=["frequencies", "table"])
def test_what_a_class_complains_of_is_an_error(model, more, buffer, shardwright, tmp_path):
    replace(model, config=model.config | more).write(tmp_path)
    add_tensors(tmp_path, {buffer: torch.ones(4)})
    _, info = getattr(transformers, model.class_name).from_pretrained(tmp_path, output_loading_info=True)
    complains = any(key.endswith(buffer.removeprefix("model.")) for key in info["unexpected_keys"])
    (finding,) = [finding for finding in shardwright.findings(tmp_path, least="info") if finding["code"] == "AR422"]
    assert finding["severity"] == ("error" if complains else "info")
