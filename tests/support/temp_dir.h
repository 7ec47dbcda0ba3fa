// A directory of a test's own, removed with all that is in it when the test ends.
// One thread at a time.
#pragma once

#include <string>
#include <string_view>

namespace piecework {

class TempDir {
 public:
  TempDir();  // under $TMPDIR or /tmp; throws std::system_error
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }
  // Makes or replaces a file; returns its path.
  std::string write(std::string_view name, std::string_view content) const;
  std::string read(std::string_view name) const;  // empty when there is no such file

 private:
  std::string path_;
};

}  // namespace piecework
