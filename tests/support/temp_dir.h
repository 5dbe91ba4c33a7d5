// A folder of its own for a test, removed with all that is in it.
#pragma once

#include <string>
#include <string_view>

namespace shardwright::test {

class TempDir {
 public:
  TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir();

  [[nodiscard]] const std::string& path() const { return path_; }
  // path() / name
  [[nodiscard]] std::string file(std::string_view name) const;

 private:
  std::string path_;
};

// The bytes of a file; writing makes the folders above it. Both throw where the system refuses.
std::string read_file(const std::string& path);
void write_file(const std::string& path, std::string_view bytes);

}  // namespace shardwright::test
