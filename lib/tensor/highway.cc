// Highway's choice of the kernels for this processor, loaded when the first kernel is called: when
// its library is loaded it measures a timer for 2 ms, which would be the third part of the time
// that a small model is checked in. The kernels themselves are compiled from its headers.
#include <dlfcn.h>

#include <string>

#include <hwy/highway.h>

namespace hwy {
namespace {

struct Choice {
  std::int64_t (*supported)(){};
  ChosenTarget& (*chosen)(){};
};

template <typename Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));  // NOLINT: what dlsym is for
}

// Of a program that has no such library at run time, the kernels of every processor of its kind.
Choice load_choice() {
  Choice choice;
  const std::string name = "libhwy.so." + std::to_string(HWY_MAJOR);
  if (void* library = dlopen(name.c_str(), RTLD_LAZY | RTLD_LOCAL); library != nullptr) {
    find(library, "_ZN3hwy16SupportedTargetsEv", choice.supported);
    find(library, "_ZN3hwy15GetChosenTargetEv", choice.chosen);
  }
  if (choice.supported != nullptr && choice.chosen != nullptr) return choice;
  return {.supported = [] { return std::int64_t{HWY_STATIC_TARGET}; },
          .chosen = []() -> ChosenTarget& {
            static ChosenTarget target;
            return target;
          }};
}

const Choice& choice() {
  static const Choice loaded = load_choice();
  return loaded;
}

}  // namespace

// NOLINTBEGIN(misc-use-internal-linkage): declared by Highway, and called by what its macros make
std::int64_t SupportedTargets() {
  return choice().supported();
}
ChosenTarget& GetChosenTarget() {
  return choice().chosen();
}
// NOLINTEND(misc-use-internal-linkage)

}  // namespace hwy
