#include "peer/peerctl_keygen.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <system_error>

#include "common/command_line.h"
#include "common/errors.h"
#include "common/signing.h"
#include "common/unique_fd.h"
#include "peer/peerctl_io.h"

namespace piecework::peer::peerctl {
namespace {

constexpr mode_t kPrivateMode = 0600;
constexpr mode_t kPublicMode = 0644;

// A file that was not there before; removed again unless it is kept.
class NewFile {
 public:
  NewFile(const std::string& path, mode_t mode)
      : path_(path), fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)) {
    if (!fd_.valid()) fail();
  }
  ~NewFile() {
    if (!kept_) ::unlink(path_.c_str());
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  void write(std::string_view content) {
    while (!content.empty()) {
      const ssize_t written = ::write(fd_.get(), content.data(), content.size());
      if (written < 0) fail();
      content.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::fsync(fd_.get()) != 0) fail();
  }
  void keep() { kept_ = true; }

 private:
  [[noreturn]] void fail() const {
    throw CommandError(kExitCantCreate, path_ + ": " + std::generic_category().message(errno));
  }

  const std::string path_;
  const UniqueFd fd_;
  bool kept_ = false;
};

}  // namespace

CommandSpec keygen_spec() {
  return {
      .name = "peerctl keygen",
      .usage = "-o NAME",
      .about =
          "Makes an Ed25519 key: NAME signs torrents (peerctl make --sign NAME) and is for you\n"
          "alone; NAME.pub is one line of 64 hex digits, for trusted_keys of peerd and\n"
          "--trusted-key. Never overwrites a file.",
      .positionals = {},
      .options = {{.name = "-o", .value_name = "NAME", .help = "where to write the key"}}};
}

int run_keygen(const CommandLine& line) {
  const std::string name = line.value("-o").value_or("");
  if (name.empty()) throw UsageError("missing option -o NAME");
  const SigningKey key = SigningKey::generate();
  const std::string public_key = key.public_key().to_hex();
  NewFile private_file(name, kPrivateMode);
  NewFile public_file(name + ".pub", kPublicMode);
  private_file.write(key.to_pem());
  public_file.write(public_key + "\n");
  private_file.keep();
  public_file.keep();
  print_note("public key " + public_key);
  return kExitOk;
}

}  // namespace piecework::peer::peerctl
