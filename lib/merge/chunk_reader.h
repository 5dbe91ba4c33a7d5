// Reads the inputs of a tensor as chunks of floats.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "merge/method.h"
#include "merge/plan.h"
#include "shardwright/result.h"

namespace shardwright {

// Memory of one thread at work: bytes as they are stored, and floats.
class Workspace {
 public:
  // Room for `inputs` runs of `bytes` and as many chunks of `chunk` floats, and one for the result.
  void prepare(std::size_t inputs, std::size_t bytes, std::size_t chunk);

  [[nodiscard]] std::span<std::byte> raw(std::size_t input) {
    return {raw_.data() + input * raw_bytes_, raw_bytes_};
  }
  [[nodiscard]] float* values(std::size_t input) { return floats_.get() + input * stride_; }
  [[nodiscard]] std::span<const float* const> inputs() const { return pointers_; }
  [[nodiscard]] float* result() { return floats_.get() + pointers_.size() * stride_; }

 private:
  struct Free {
    void operator()(float* memory) const;
  };
  std::vector<std::byte> raw_;
  std::size_t raw_bytes_{};
  std::unique_ptr<float, Free> floats_;
  std::size_t capacity_{};  // floats
  std::size_t stride_{};    // floats of a chunk, rounded up to whole cache lines
  std::vector<const float*> pointers_;
};

// Bytes of a workspace for that tensor.
std::uint64_t workspace_bytes(const PlannedTensor& tensor, std::uint64_t chunk);

// Hands out workspaces; there are never more than threads at work.
class WorkspacePool {
 public:
  class Lease {
   public:
    explicit Lease(WorkspacePool& pool) : pool_(pool), space_(pool.take()) {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { pool_.give(std::move(space_)); }
    Workspace& operator*() { return *space_; }

   private:
    WorkspacePool& pool_;
    std::unique_ptr<Workspace> space_;
  };

 private:
  std::unique_ptr<Workspace> take();
  void give(std::unique_ptr<Workspace> space);

  std::mutex mutex_;
  std::vector<std::unique_ptr<Workspace>> free_;
};

// Calls `body` for each chunk that has elements of [first, first + count), in order and whole:
// chunks begin at multiples of `chunk` elements. The result's place is in the workspace.
Status for_chunks(const PlannedTensor& tensor, std::size_t chunk, std::uint64_t first,
                  std::uint64_t count, Workspace& space,
                  const std::function<void(const Chunk& chunk)>& body);

}  // namespace shardwright
