#include "forward/product.h"

#include <dlfcn.h>
#include <dnnl.h>

#include <string>

#include <fmt/format.h>

#include "base/panic.h"

namespace shardwright {
namespace {

using SetThreads = void (*)(int);

struct LoadedProducts {
  decltype(&dnnl_sgemm) sgemm{};
  SetThreads set_threads{};  // of OpenMP, for the calling thread; null where it has no threads
  std::string trouble{};
};

template <typename Function>
Function symbol(void* library, const char* name) {
  return reinterpret_cast<Function>(dlsym(library, name));  // NOLINT: what dlsym is for
}

// Linked, it would take every run of the command some milliseconds to start.
LoadedProducts load() {
  LoadedProducts loaded;
  const std::string name = fmt::format("libdnnl.so.{}", DNNL_VERSION_MAJOR);
  void* library = dlopen(name.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (library == nullptr) {
    const char* why = dlerror();
    loaded.trouble = fmt::format(
        "a forward pass needs oneDNN's library, which cannot be loaded: "
        "{}",
        why == nullptr ? name : why);
    return loaded;
  }
  loaded.sgemm = symbol<decltype(&dnnl_sgemm)>(library, "dnnl_sgemm");
  const auto version = symbol<decltype(&dnnl_version)>(library, "dnnl_version");
  if (loaded.sgemm == nullptr || version == nullptr) {
    loaded.trouble = fmt::format("{} has no dnnl_sgemm", name);
    return loaded;
  }
  const unsigned runtime = version()->cpu_runtime;
  // Found among the libraries that oneDNN has brought in.
  if (runtime == DNNL_RUNTIME_OMP)
    loaded.set_threads = symbol<SetThreads>(library, "omp_set_num_threads");
  if (runtime != DNNL_RUNTIME_SEQ && loaded.set_threads == nullptr) {
    loaded.trouble = fmt::format(
        "{} was built for threads that cannot be counted here; one with OpenMP, as Debian's, or "
        "with none is needed",
        name);
  }
  return loaded;
}

const LoadedProducts& loaded_products() {
  static const LoadedProducts loaded = load();
  return loaded;
}

}  // namespace

Status load_products() {
  const LoadedProducts& loaded = loaded_products();
  if (!loaded.trouble.empty()) return Error{ErrorCode::kUnsupported, loaded.trouble};
  return ok();
}

void multiply(const Product& product) {
  const LoadedProducts& loaded = loaded_products();
  if (product.rows == 0 || product.columns == 0) return;
  if (loaded.set_threads != nullptr) loaded.set_threads(1);
  const auto signed_size = [](std::size_t size) { return static_cast<dnnl_dim_t>(size); };
  const dnnl_status_t status =
      loaded.sgemm('N', product.b_transposed ? 'T' : 'N', signed_size(product.rows),
                   signed_size(product.columns), signed_size(product.inner), product.factor,
                   product.a, signed_size(product.a_stride), product.b,
                   signed_size(product.b_stride), 0, product.c, signed_size(product.c_stride));
  // Its arguments are sizes and strides, which are ours.
  SW_CHECK(status == dnnl_success);
}

}  // namespace shardwright
