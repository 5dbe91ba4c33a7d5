#include "merge/engine.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "base/panic.h"
#include "base/try.h"
#include "base/utf8.h"
#include "merge/case_of.h"
#include "merge/chunk_reader.h"
#include "merge/kernels.h"
#include "merge/memory.h"
#include "safetensors/writer.h"

namespace shardwright {
namespace {

using Counts = std::vector<std::uint64_t>;

// Elements of a piece of work, at least, where there are so many: small tensors go together.
constexpr std::uint64_t kLeastWork = std::uint64_t{64} << 10U;

// Tensors at most that are looked at for work ahead, most of which may need none: next() is quick.
constexpr std::size_t kMostLooked = 256;

// One pass over one tensor, while it is on its way.
struct Pass {
  PassShape shape{};
  std::uint64_t block_elements{};
  std::uint64_t blocks{};
  std::uint64_t begun{}, done{};
  std::vector<double> sums{};                    // block after block
  std::vector<std::shared_ptr<Counts>> spare{};  // counts that no thread holds at the moment
};

// One chunk of so many is measured: a length is known well enough by a part.
constexpr std::uint64_t kMeasuredChunks = 8;

// Sums of squares over chunks of a tensor: of the result, and of each input.
struct Squares {
  std::uint64_t elements{};  // of all chunks that were computed
  double result{};
  std::vector<double> inputs{};
};

void add_squares(Squares& into, const Squares& more) {
  into.elements += more.elements;
  into.result += more.result;
  into.inputs.resize(more.inputs.size());
  for (std::size_t i = 0; i < more.inputs.size(); ++i)
    into.inputs[i] += more.inputs[i];
}

// A tensor that is computed.
struct TensorState {
  const PlannedTensor* tensor{};
  std::unique_ptr<MergeProgram> program{};
  int index{};            // of the pass
  std::uint64_t draws{};  // as MergeCase has them
  std::optional<Pass> pass{};
  bool begun{}, ready{};
  ScanResult seen{};
  Squares squares{};
};

// What was seen of some elements, and of others from element `first` on: in any order.
void add_seen(ScanResult& seen, const ScanResult& part, std::uint64_t first) {
  const bool is_first = seen.elements == 0;
  const bool was_bad = seen.nan + seen.infinite > 0;
  const bool is_bad = part.nan + part.infinite > 0;
  if (is_bad && (!was_bad || first + part.first_bad < seen.first_bad))
    seen.first_bad = first + part.first_bad;
  if (is_first) seen.first_bits = part.first_bits;
  seen.constant &= part.constant && part.first_bits == seen.first_bits;
  seen.zero &= part.zero;
  seen.unscanned |= part.unscanned;
  seen.elements += part.elements;
  seen.nan += part.nan;
  seen.infinite += part.infinite;
}

void add_counts(Counts& into, const Counts& more) {
  for (std::size_t i = 0; i < into.size(); ++i)
    into[i] += more[i];
}

std::uint64_t count_bytes(const Pass& pass) {
  return pass.shape.counts * sizeof(std::uint64_t);
}

class Engine final : public Preparation {
 public:
  explicit Engine(const MergePlan& plan) : plan_(plan), states_(plan.tensors.size()) {
    for (std::size_t i = 0; i < states_.size(); ++i) {
      states_[i].tensor = &plan.tensors[i];
      states_[i].ready = plan.tensors[i].action != TensorAction::kMerge;
    }
    if (plan.compat && plan.method != nullptr && plan.method->draws != nullptr) share_draws();
  }

  // The bytes of tensor `i` from byte `from`.
  Status produce(std::size_t i, std::uint64_t from, MutableBytes into) {
    Squares squares;
    SW_TRY_OK(compute(i, from, into, squares));
    if (!on_demand_) watch(i, from, into, squares);
    return ok();
  }

  void compute_when_read() { on_demand_ = true; }

  [[nodiscard]] std::optional<NormChange> norms(std::size_t i) {
    const std::scoped_lock lock(mutex_);
    const TensorState& state = states_[i];
    if (state.squares.elements < state.tensor->elements || state.squares.inputs.empty())
      return std::nullopt;
    const auto [least, most] = std::ranges::minmax(state.squares.inputs);
    return NormChange{.result = std::sqrt(state.squares.result),
                      .least = std::sqrt(least),
                      .most = std::sqrt(most)};
  }

  // Bytes of a file that are there already.
  void keep(std::size_t file, TileRange range, Bytes bytes) {
    const auto& places = places_[file];
    for (auto place = std::ranges::upper_bound(places, range.begin, {}, &Place::end);
         place != places.end() && place->begin < range.end; ++place) {
      TensorState& state = states_[place->tensor];
      if (state.tensor->action == TensorAction::kCopy) continue;
      const std::uint64_t begin = std::max(range.begin, place->begin);
      const std::uint64_t end = std::min(range.end, place->end);
      const DType dtype = state.tensor->dtype;
      ScanResult part;
      scan(dtype, bytes.subspan(begin - range.begin, end - begin), part);
      const std::scoped_lock lock(mutex_);
      add_seen(state.seen, part, (begin - place->begin) / (dtype_bits(dtype) / 8));
      if (state.seen.elements == state.tensor->elements) state.ready = true;
    }
  }

  [[nodiscard]] ScanResult seen(std::size_t i) {
    const std::scoped_lock lock(mutex_);
    return states_[i].seen;
  }

  // Which tensors lie where in a file.
  void place(std::size_t file, std::size_t tensor, std::uint64_t begin, std::uint64_t end) {
    if (places_.size() <= file) places_.resize(file + 1);
    if (begin < end) places_[file].push_back({begin, end, tensor});
  }

  State next(std::size_t file, TileRange range, Preparation::Work& work) override {
    const std::scoped_lock lock(mutex_);
    begun_ = true;
    if (!status_) return State::kReady;  // the reader will be told
    const auto& places = places_[file];
    auto place = std::ranges::upper_bound(places, range.begin, {}, &Place::end);
    bool ready = true;
    std::size_t ahead = 0;   // tensors that are not ready
    std::size_t looked = 0;  // past the tile
    std::vector<Block> blocks;
    std::uint64_t elements = 0;
    // First what the tile waits for, then what the next ones will.
    const auto goes_on = [&](std::size_t at_file, const Place& at) {
      if (elements >= kLeastWork || !status_) return false;
      if (at_file == file && at.begin < range.end) return true;
      return !ready && ++looked <= kMostLooked && ahead < kTensorsAhead &&
             counts_held_ < kCountsAhead;
    };
    bool going = true;
    for (std::size_t at_file = file; going && at_file < places_.size(); ++at_file) {
      const auto& here = places_[at_file];
      if (at_file != file) place = here.begin();
      for (; going && place != here.end(); ++place) {
        going = goes_on(at_file, *place);
        if (!going || settle(place->tensor)) continue;
        ready = ready && (at_file != file || place->begin >= range.end);
        ++ahead;
        if (take(place->tensor, blocks)) elements += block_of(place->tensor);
      }
    }
    if (blocks.empty()) return ready || !status_ ? State::kReady : State::kWait;
    work = [this, blocks = std::move(blocks)] { return gather_all(blocks); };
    return State::kWork;
  }

 private:
  struct Place {
    std::uint64_t begin{}, end{};
    std::size_t tensor{};
  };

  // A part of a tensor's pass.
  struct Block {
    std::size_t tensor{};
    std::uint64_t index{};
    std::shared_ptr<Counts> counts{};
  };

  // The peer merges tensors in the order of their names, all with one generator.
  void share_draws() {
    std::vector<TensorState*> merged;
    for (TensorState& state : states_) {
      if (!state.ready) merged.push_back(&state);
    }
    std::ranges::sort(merged, {}, [](const TensorState* state) -> const std::string& {
      return state->tensor->name;
    });
    std::uint64_t draws = 0;
    for (TensorState* state : merged) {
      state->draws = draws;
      draws += plan_.method->draws(case_of(plan_, *state->tensor, state->draws));
    }
  }

  // All passes of a tensor, by as many threads as ask for it: each does the blocks that are left,
  // and waits for those of the others.
  Status prepare(std::size_t i) {
    for (;;) {
      std::vector<Block> blocks;
      {
        std::unique_lock lock(mutex_);
        const bool ready = settle(i);
        if (!status_) return status_;
        if (ready) return ok();
        if (!take(i, blocks)) {
          changed_.wait(lock);
          continue;
        }
      }
      Status done = gather_all(blocks);
      const std::scoped_lock lock(mutex_);
      if (!done) status_ = std::move(done);
      changed_.notify_all();
    }
  }

  Status compute(std::size_t i, std::uint64_t from, MutableBytes into, Squares& squares) {
    const TensorState& state = states_[i];
    const PlannedTensor& tensor = *state.tensor;
    if (on_demand_ && tensor.action == TensorAction::kMerge) SW_TRY_OK(prepare(i));
    if (tensor.action == TensorAction::kMerge && !state.program) {  // next() could not make it
      const std::scoped_lock lock(mutex_);
      if (!status_) return status_;
      if (begun_) return Error{ErrorCode::kUnsupported, "a tensor to come has no values yet"};
      std::ranges::fill(into, std::byte{});  // the plan is looked at: only its headers count
      return ok();
    }
    const std::uint64_t width = dtype_bits(tensor.dtype) / 8;
    const std::uint64_t first = from / width;
    const std::uint64_t count = into.size() / width;
    // Tiles begin at whole elements, since tensors are aligned.
    SW_CHECK(from % width == 0 && into.size() % width == 0);
    const std::size_t chunk =
        state.program ? state.program->chunk_elements() : MergeProgram::kChunk;
    WorkspacePool::Lease lease(spaces_);
    Workspace& space = *lease;
    return for_chunks(tensor, chunk, first, count, space, [&](const Chunk& part) {
      const float* result = part.inputs[0];
      if (state.program) {
        state.program->apply(part, space.result());
        result = space.result();
      }
      // What of the chunk was asked for.
      const std::uint64_t begin = std::max(first, part.first);
      const std::uint64_t end = std::min(first + count, part.first + part.count);
      if (state.program && !on_demand_)
        measure(part, chunk, result, begin - part.first, end - begin, squares);
      kernel::encode(tensor.dtype, result + (begin - part.first), end - begin,
                     into.data() + (begin - first) * width);
    });
  }

  static void measure(const Chunk& chunk, std::size_t chunk_elements, const float* result,
                      std::size_t first, std::size_t count, Squares& squares) {
    squares.elements += count;
    squares.inputs.resize(chunk.inputs.size());
    if (chunk.first / chunk_elements % kMeasuredChunks != 0) return;
    squares.result += kernel::sum_squares(result + first, count);
    for (std::size_t i = 0; i < chunk.inputs.size(); ++i)
      squares.inputs[i] += kernel::sum_squares(chunk.inputs[i] + first, count);
  }

  void watch(std::size_t i, std::uint64_t from, Bytes bytes, const Squares& squares) {
    const DType dtype = states_[i].tensor->dtype;
    ScanResult part;
    scan(dtype, bytes, part);
    const std::scoped_lock lock(mutex_);
    TensorState& state = states_[i];
    if (begun_) add_seen(state.seen, part, from / (dtype_bits(dtype) / 8));
    if (begun_) add_squares(state.squares, squares);
    if (begun_ && state.seen.elements == state.tensor->elements) state.program.reset();  // all done
  }

  // Begins what has not begun; whether the tensor can be computed.
  bool settle(std::size_t i) {
    TensorState& state = states_[i];
    if (!state.begun && !state.ready) {
      state.begun = true;
      begin(state);
    }
    return state.ready;
  }

  void begin(TensorState& state) {
    auto program = plan_.method->make(case_of(plan_, *state.tensor, state.draws));
    if (!program) {
      status_ = std::move(program).error().within(quoted(state.tensor->name));
      return;
    }
    state.program = std::move(*program);
    begin_pass(state);
  }

  static void begin_pass(TensorState& state) {
    state.pass.reset();
    const auto shape = state.program->pass(state.index);
    if (!shape) {
      state.ready = true;
      return;
    }
    const auto [elements, blocks] =
        blocks_of(state.tensor->elements, state.program->chunk_elements(), shape->sums);
    Pass& pass = state.pass.emplace();
    pass.shape = *shape;
    pass.block_elements = elements;
    pass.blocks = blocks;
    pass.sums.resize(pass.blocks * shape->sums);
  }

  // Elements of a block of the tensor's pass, at most.
  [[nodiscard]] std::uint64_t block_of(std::size_t i) const {
    const TensorState& state = states_[i];
    return std::min(state.pass->block_elements, state.tensor->elements);
  }

  // Adds a block of the tensor's pass; false where all are taken.
  bool take(std::size_t i, std::vector<Block>& blocks) {
    TensorState& state = states_[i];
    if (!state.pass || state.pass->begun == state.pass->blocks) return false;
    const std::uint64_t block = state.pass->begun++;
    std::shared_ptr<Counts> counts;
    if (state.pass->spare.empty()) {
      counts = std::make_shared<Counts>();
      counts_held_ += count_bytes(*state.pass);
    } else {
      counts = std::move(state.pass->spare.back());
      state.pass->spare.pop_back();
    }
    blocks.push_back({.tensor = i, .index = block, .counts = std::move(counts)});
    return true;
  }

  Status gather_all(const std::vector<Block>& blocks) {
    for (const Block& block : blocks)
      SW_TRY_OK(gather(block.tensor, block.index, block.counts));
    return ok();
  }

  Status gather(std::size_t i, std::uint64_t block, const std::shared_ptr<Counts>& counts) {
    TensorState& state = states_[i];
    Pass& pass = *state.pass;
    counts->resize(pass.shape.counts);
    const std::span<double> sums =
        std::span(pass.sums).subspan(block * pass.shape.sums, pass.shape.sums);
    const std::uint64_t first = block * pass.block_elements;
    const std::uint64_t count = std::min(pass.block_elements, state.tensor->elements - first);
    Status status = ok();
    {
      WorkspacePool::Lease lease(spaces_);
      status = for_chunks(
          *state.tensor, state.program->chunk_elements(), first, count, *lease,
          [&](const Chunk& chunk) { state.program->gather(state.index, chunk, {sums, *counts}); });
    }
    bool last = false;
    {
      const std::scoped_lock lock(mutex_);
      pass.spare.push_back(counts);
      last = ++pass.done == pass.blocks;
    }
    if (!status) return std::move(status).error().within(quoted(state.tensor->name));
    if (last) conclude(state);
    return ok();
  }

  // By the thread that did the last block: nobody else touches the pass any more.
  void conclude(TensorState& state) {
    Pass& pass = *state.pass;
    const std::uint64_t held = pass.spare.size() * count_bytes(pass);
    const std::shared_ptr<Counts> counts = std::move(pass.spare.back());
    pass.spare.pop_back();
    for (const auto& more : pass.spare)
      add_counts(*counts, *more);
    pass.spare.clear();
    state.program->conclude(state.index, {.sums = pass.shape.sums,
                                          .block_elements = pass.block_elements,
                                          .blocks = pass.sums,
                                          .counts = *counts});
    const std::scoped_lock lock(mutex_);
    counts_held_ -= held;
    ++state.index;
    begin_pass(state);
  }

  const MergePlan& plan_;
  std::vector<TensorState> states_;
  std::vector<std::vector<Place>> places_;  // by file, in order
  WorkspacePool spaces_;
  std::mutex mutex_;  // over states_ but for what one thread alone holds, and what follows
  std::condition_variable changed_;  // a block was gathered
  std::uint64_t counts_held_{};      // bytes of all passes
  bool on_demand_{};
  bool begun_{};  // tiles were asked for: from now on every byte is a result
  Status status_ = ok();
};

Result<std::unique_ptr<PlannedFile>> merged_shard(const MergePlan& plan, std::size_t shard,
                                                  Engine& engine) {
  std::vector<safetensors::TensorSpec> specs;
  for (const std::size_t i : plan.shards[shard]) {
    const PlannedTensor& tensor = plan.tensors[i];
    specs.push_back({.name = tensor.name, .dtype = tensor.dtype, .shape = tensor.shape});
  }
  const std::array<std::pair<std::string, std::string>, 1> metadata = {{{"format", "pt"}}};
  SW_TRY(auto image, safetensors::layout_header(specs, metadata, safetensors::Order::kCanonical));
  const std::uint64_t start = image.bytes.size();
  auto file = std::make_unique<PlannedFile>(std::move(image.bytes));
  for (const safetensors::PlacedTensor& placed : image.tensors) {
    const std::size_t i = plan.shards[shard][placed.spec];
    const PlannedTensor& tensor = plan.tensors[i];
    engine.place(shard, i, start + placed.begin, start + placed.end);
    if (tensor.action == TensorAction::kCopy) {
      const Tensor& input = tensor.inputs.front().tensor;
      file->append(*input.source, input.offset, input.bytes);
    } else {
      file->append([&engine, i](std::uint64_t from,
                                MutableBytes into) { return engine.produce(i, from, into); },
                   placed.end - placed.begin);
    }
  }
  return file;
}

}  // namespace

Result<MergeFiles> merge_files(const MergePlan& plan) {
  auto engine = std::make_unique<Engine>(plan);
  MergeFiles files;
  for (std::size_t i = 0; i < plan.shards.size(); ++i) {
    SW_TRY(auto file, merged_shard(plan, i, *engine));
    files.shards.push_back(std::move(file));
  }
  files.compute_when_read = [to = engine.get()] { to->compute_when_read(); };
  files.kept = [to = engine.get()](std::size_t shard, TileRange range, Bytes bytes) {
    to->keep(shard, range, bytes);
  };
  files.watched = [seen = engine.get()](std::size_t i) { return seen->seen(i); };
  files.norms = [of = engine.get()](std::size_t i) { return of->norms(i); };
  files.preparation = std::move(engine);
  return files;
}

}  // namespace shardwright
