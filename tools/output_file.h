// The file of --output-file.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "shardwright/result.h"

namespace shardwright {

// Looked at before the work begins, so that a path that cannot be written is known at once, and
// filled at the end: all of it or nothing. What is written lies beside the file, as
// ".NAME.shardwright-XXXXXX", and takes its place in one step, with the mode of the file that was
// there; a symbolic link stays, and what it leads to is replaced. Devices, pipes and open
// descriptors (/dev/stdout) are written directly, and so is a file that is there where nothing may
// be made beside it.
class OutputFile {
 public:
  static Result<OutputFile> open(const std::string& path);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  // Removes what was not filled.
  ~OutputFile();

  Status fill(std::string_view text);

 private:
  explicit OutputFile(std::string path) : path_(std::move(path)) {}

  [[nodiscard]] Error failed(int number) const;
  int write(std::string_view text);

  std::string path_;    // as it was given
  std::string target_;  // without links; empty where it is written directly
  std::string aside_;   // what is written, until it takes the place
  int descriptor_{-1};
  int direct_{-1};  // of the file that was there
};

}  // namespace shardwright
