// write_fixture CASE.json FOLDER: what a description (fixture.h) describes, on disk, for scripts
// and for a look by hand.
#include <cstdio>
#include <exception>

#include "support/fixture.h"
#include "support/temp_dir.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: write_fixture CASE.json FOLDER\n", stderr);
    return 2;
  }
  try {
    shardwright::test::write_fixture(shardwright::test::read_file(argv[1]), argv[2]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "write_fixture: %s\n", error.what());
    return 1;
  }
  return 0;
}
