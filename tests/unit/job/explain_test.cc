#include "shardwright/explain.h"

#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "shardwright/check_job.h"

namespace shardwright {
namespace {

// Codes of the pages that are found, or the error.
std::vector<std::string> found(std::string_view query) {
  const auto pages = explain(query);
  if (!pages) return {pages.error().message};
  std::vector<std::string> codes;
  for (const Page& page : *pages)
    codes.emplace_back(page.code);
  return codes;
}

using Codes = std::vector<std::string>;

}  // namespace

TEST_CASE("job: every check has a page in the program") {
  const auto checks = all_checks();
  REQUIRE(all_pages().size() == checks.size());
  for (std::size_t i = 0; i < checks.size(); ++i) {
    CHECK(all_pages()[i].code == checks[i].code);
    CHECK(all_pages()[i].name == checks[i].name);
  }
}

TEST_CASE("job: a page is found by code and by name, in any case") {
  CHECK(found("ST122") == Codes{"ST122"});
  CHECK(found(" st122 ") == Codes{"ST122"});
  CHECK(found("Overlapping-Ranges") == Codes{"ST122"});
  CHECK(found("ST122 overlapping-ranges") == Codes{"ST122"});
}

TEST_CASE("job: a page is found by what loaders print, however it is quoted and wrapped") {
  CHECK(found("MetadataIncompleteBuffer") == Codes{"ST121", "ST124"});
  CHECK(found("incomplete metadata, file not fully covered") == Codes{"ST121", "ST124"});
  CHECK(found("KeyError: 'metadata'") == Codes{"IX210"});
  CHECK(found("safetensors_rust.SafetensorError: Error while deserializing header:\n"
              "invalid UTF-8 in header: invalid utf-8 sequence of 1 bytes from index 37") ==
        Codes{"ST111"});
  CHECK(found("Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\n"
              "SafetensorError: Error while deserializing header: invalid JSON in header: unknown "
              "variant `FP32`, expected one of `BOOL`, `F4` at line 1 column 200") ==
        Codes{"ST113"});
  CHECK(found("SafetensorError: Error while deserializing header: invalid offset for tensor `b`") ==
        Codes{"ST120", "ST122", "ST123"});
}

TEST_CASE("job: whole messages of loaders, with their own paths and names, lead to a page") {
  CHECK(found("safetensors_rust.SafetensorError: InvalidOffset(\"b\")") == Codes{"ST122", "ST123"});
  CHECK(found("SafetensorError: Error while deserializing header: MetadataIncompleteBuffer") ==
        Codes{"ST121", "ST124"});
  CHECK(found("Some weights of GPT2LMHeadModel were not initialized from the model checkpoint at "
              "gpt2 and are newly initialized: ['lm_head.weight']") == Codes{"AR401", "IX205"});
  CHECK(found("Some weights of the model checkpoint at ./m were not used when initializing "
              "LlamaForCausalLM: ['a']") == Codes{"AR402"});
  CHECK(
      found("RuntimeError: Error(s) in loading state_dict for LlamaForCausalLM:\n\tsize mismatch "
            "for lm_head.weight: copying a param with shape torch.Size([9, 4]) from checkpoint") ==
      Codes{"AR403"});
  CHECK(found("OSError: The safetensors archive passed at m/a.safetensors does not contain the "
              "valid metadata. Make sure you save your model with the `save_pretrained` method.") ==
        Codes{"ST126", "ST127"});
  CHECK(found("OSError: Error no file named model.safetensors found in directory ./m.") ==
        Codes{"IX211", "IX214", "ST104"});
  CHECK(found("It looks like the config file at '/m/config.json' is not a valid JSON file.") ==
        Codes{"CF302"});
  CHECK(found("error loading model: tensor 'token_embd.weight' has wrong shape; expected  4096, "
              "32000, got  4096, 32001") == Codes{"AR403"});
  CHECK(found("tensor 'token_embd.weight' has wrong shape") == Codes{"AR403"});
  CHECK(found("KeyError: 'layers.35.mlp.gate.g_idx'") == Codes{"AR418"});
  CHECK(found("KeyError: 'layers.22.mlp.gate_up_proj.weight'") == Codes{"AR410"});
  CHECK(found("ValueError: Received 310 parameters not in model: \nembed_tokens.weight,") ==
        Codes{"AR402"});
  CHECK(found("ValueError: Received 1 parameters not in model: \nlm_head.weight.") ==
        Codes{"AR412"});
  CHECK(found("ValueError: Missing 1 parameters: \nlm_head.weight.") == Codes{"AR414"});
  CHECK(found("ValueError: Missing 3 parameters: \nmodel.norm.weight,") == Codes{"AR401"});
  CHECK(found("RuntimeError: The size of tensor a (32000) must match the size of tensor b (120128) "
              "at non-singleton dimension 0") == Codes{"MG702"});
  CHECK(found("ValueError: Target modules {'q_proj'} not found in the base model. Please check") ==
        Codes{"CF317"});
  CHECK(found("TypeError: list indices must be integers or slices, not str") ==
        Codes{"IX201", "ST118"});
  CHECK(found("KeyError 'model.layers.0.mlp.gate.g_idx'") == Codes{"AR418"});
  CHECK(found("TypeError: string indices must be integers, not 'str'") == Codes{"IX201"});
  CHECK(found("peft.LoRAAdapterNotFoundError: No adapter found") == Codes{"ST104"});
  CHECK(found("KeyError: 'F8_E8M0'") == Codes{"ST113"});
  CHECK(
      found("ValueError: LlamaForCausalLM cannot be instantiated under `dtype=torch.int8` as it's "
            "not a floating-point dtype") == Codes{"CF312"});
  CHECK(found("ValueError: Can not map tensor 'model.layers.0.mlp.down_proj.weight_scale_inv'") ==
        Codes{"AR417"});
  CHECK(found("ValueError: There is no module or parameter named 'layers' in Qwen3ForCausalLM") ==
        Codes{"AR410"});
  CHECK(found("There is no module or parameter named 'lm_head' in Gemma2ForCausalLM") !=
        Codes{"AR410"});
  CHECK(found("json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)") ==
        Codes{"CF309", "IX201"});
  CHECK(found("FileNotFoundError: [Errno 2] No such file or directory: "
              "'/m/model-00001-of-00003.safetensors'") == Codes{"IX202"});
  CHECK(found("[Errno 2] No such file or directory: 'config.json'") == Codes{"ST104"});
  CHECK(found("ImportError: Loading a GPTQ quantized model requires optimum (`pip install "
              "optimum`)") == Codes{"CF307", "CF313"});
  CHECK(found("ValueError: The checkpoint you are trying to load has model type `x` but "
              "Transformers does not recognize this architecture.") == Codes{"CF304", "CF305"});
}

TEST_CASE("job: what no page knows is refused with the nearest name") {
  CHECK(
      found("overlaping-ranges") ==
      Codes{"no check is called 'overlaping-ranges', and no page knows it as a loader's words; the "
            "nearest is 'overlapping-ranges'"});
  CHECK(found("") == Codes{"no check is called '', and no page knows it as a loader's words"});
  CHECK(found("a") == Codes{"no check is called 'a', and no page knows it as a loader's words"});
}

TEST_CASE(
    "job: texts of accelerate, vLLM, torch, llama.cpp and older transformers lead to a page") {
  CHECK(
      found("ValueError: Trying to set a tensor of shape torch.Size([128264, 4096]) in \"weight\" "
            "(which has shape torch.Size([128256, 4096])), this looks incorrect.") ==
      Codes{"AR403", "TK501"});
  CHECK(
      found("ValueError: Trying to set a tensor of shape torch.Size([0]) in \"weight\" (which has "
            "shape torch.Size([64, 64])), this looks incorrect.") == Codes{"AR404"});
  CHECK(found("ValueError: weight is on the meta device, we need a `value` to put in on 0.") ==
        Codes{"AR401"});
  CHECK(found("RuntimeError: Some tensors share memory, this will lead to duplicate memory on disk "
              "and potential differences when loading them again: [{'lm_head.weight'}]") ==
        Codes{"AR412"});
  CHECK(found("AssertionError: Attempted to load weight (torch.Size([0])) into parameter "
              "(torch.Size([32000, 4096]))") == Codes{"AR404"});
  CHECK(found("AssertionError: Attempted to load weight (torch.Size([3600])) into parameter "
              "(torch.Size([3584]))") == Codes{"AR403"});
  CHECK(found("RuntimeError: Cannot find any model weights with `./out`") == Codes{"IX202"});
  CHECK(found("KeyError: 'model.layers.0.self_attn.q_proj.weight_scale'") == Codes{"AR417"});
  CHECK(found("NotImplementedError: Architecture 'Qwen2_5_VLModel' not supported!") ==
        Codes{"AR421", "CF315"});
  CHECK(found("NotImplementedError: Architecture 'X' is not supported!") ==
        Codes{"AR421", "CF315"});
  CHECK(found("ERROR:hf-to-gguf:Model LlamaModel is not supported") == Codes{"AR421", "CF315"});
  CHECK(found("ValueError: `rope_scaling` must be a dictionary with two fields, `type` and "
              "`factor`, got {'factor': 8.0, 'rope_type': 'llama3'}") == Codes{"CF312"});
  CHECK(found("ValueError: `hidden_size` (50) must be divisible by `num_attention_heads` (6)") ==
        Codes{"CF306"});
  CHECK(found("ValueError: embed_dim must be divisible by num_heads (got `embed_dim`: 768 and "
              "`num_heads`: 11).") == Codes{"CF306"});
  CHECK(found("UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 0: invalid "
              "start byte") == Codes{"CF302", "CF309", "IX201"});
  CHECK(found("_pickle.UnpicklingError: invalid load key, 'v'.") == Codes{"ST101"});
  CHECK(found("UnpicklingError: Weights only load failed. Unsupported operand 60") ==
        Codes{"ST102"});
}

TEST_CASE("job: a text that names what is missing leads to the check of that") {
  CHECK(found("ValueError: Tensor model.layers.0.self_attn.k_norm.weight required but not present "
              "in model Qwen/Qwen3") == Codes{"AR401"});
  CHECK(found("RuntimeError: Tensor lm_head.weight required but not present in model x") ==
        Codes{"AR414"});
  CHECK(found("ValueError: Can not map tensor "
              "'base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight'") ==
        Codes{"AR420"});
  CHECK(found("FileNotFoundError: Missing tokenizer.model") ==
        Codes{"no check is called 'FileNotFoundError: Missing tokenizer.model', and no page knows "
              "it as a loader's words"});
}

TEST_CASE("job: what transformers 5, mergekit and llama.cpp print leads to a page") {
  CHECK(found("LlamaForCausalLM LOAD REPORT from: /m\nKey            | Status  | \n"
              "---------------+---------+-\nlm_head.weight | MISSING |") ==
        Codes{"AR401", "AR414"});
  CHECK(found("module.model.norm.weight | UNEXPECTED |\nmodel.norm.weight        | MISSING    |") ==
        Codes{"AR405"});
  CHECK(found("model.layers.0._orig_mod.mlp.up_proj.weight | UNEXPECTED |") == Codes{"AR405"});
  CHECK(found("lm_head.weight            | MISMATCH | Reinit due to size mismatch - ckpt: "
              "torch.Size([96, 32]) vs model:torch.Size([7, 32])") == Codes{"TK501"});
  CHECK(found("ValueError: The hidden size (32) is not a multiple of the number of attention heads "
              "(5).") == Codes{"CF306"});
  CHECK(found("ValueError: `num_hidden_layers` (2) must be equal to the number of `layer_types` "
              "(1)") == Codes{"CF306"});
  CHECK(found("RuntimeError: selected index k out of range") == Codes{"CF306"});
  CHECK(found("ImportError: Loading a GPTQ quantized model requires optimum (`pip install "
              "optimum`)") == Codes{"CF307", "CF313"});
  CHECK(found("Unknown quantization type, got nope - supported types are: ['awq', 'gptq']") ==
        Codes{"CF307"});
  CHECK(found("RuntimeError: Must specify --allow-crimes to attempt to mix different "
              "architectures") == Codes{"MG701"});
  CHECK(found("llama_model_load: error loading model: done_getting_tensors: wrong number of "
              "tensors; expected 291, got 290") == Codes{"AR402", "AR408"});
}

}  // namespace shardwright
