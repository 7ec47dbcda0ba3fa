#include "peer/peerctl_fetch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "common/atomic_file.h"
#include "common/command_line.h"
#include "common/errors.h"
#include "common/frame.h"
#include "common/printable.h"
#include "common/socket.h"
#include "common/stream.h"
#include "common/tls_credentials.h"
#include "common/try_each.h"
#include "common/units.h"
#include "peer/peerctl_io.h"
#include "peer/peerctl_tls.h"
#include "peer/progress.h"

namespace piecework::peer::peerctl {
namespace {

constexpr std::uint64_t kMaxFileBytes = std::numeric_limits<off_t>::max();
constexpr std::size_t kBufferBytes = 256 << 10;
constexpr seconds kConnectTime{10};
constexpr seconds kStallTime{60};
constexpr seconds kPartingTime{1};

// Where the bytes go: stdout, or a file that has no name until it is whole. Where the file system
// knows no such files (open(2), O_TMPFILE), one beside FILE with a temporary name.
class Output {
 public:
  explicit Output(const std::string& path) : path_(path) {
    if (path_ == "-") return;
    try {
      require_replaceable(path_);
    } catch (const std::system_error& error) {
      throw CommandError(kExitCantCreate, error.what());
    }
    const std::string directory(directory_prefix(path_));
    named_ = directory + "." + path_.substr(directory.size()) + "." + std::string(kRandomName);
    fd_.reset(
        ::open(directory.empty() ? "." : directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0666));
    if (fd_.valid()) return;
    fd_.reset(::mkostemp(named_.data(), O_CLOEXEC));
    if (!fd_.valid()) fail(kExitCantCreate, "create");
    has_name_ = true;
    const mode_t mask = ::umask(0);
    ::umask(mask);
    ::fchmod(fd_.get(), 0666 & ~mask);
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output() {
    if (has_name_) ::unlink(named_.c_str());
  }

  void reserve(std::uint64_t bytes) {
    if (!fd_.valid() || bytes == 0) return;
    if (::fallocate(fd_.get(), 0, 0, static_cast<off_t>(bytes)) < 0 && errno != EOPNOTSUPP &&
        errno != ENOSYS) {
      fail(kExitCantCreate, "reserve " + format_size(bytes));
    }
  }

  void write(std::span<const std::byte> data) {
    const int fd = fd_.valid() ? fd_.get() : STDOUT_FILENO;
    while (!data.empty()) {
      const ssize_t n = ::write(fd, data.data(), data.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail(kExitIo, "write");
      data = data.subspan(static_cast<std::size_t>(n));
    }
  }

  void finish() {
    if (!fd_.valid()) return;
    if (!has_name_) {
      // A name of its own first: only rename(2) replaces what is there.
      named_.replace(named_.size() - kRandomName.size(), kRandomName.size(),
                     std::to_string(::getpid()));
      const std::string self = "/proc/self/fd/" + std::to_string(fd_.get());
      ::unlink(named_.c_str());
      if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, named_.c_str(), AT_SYMLINK_FOLLOW) < 0) {
        fail(kExitCantCreate, "create");
      }
      has_name_ = true;
    }
    if (::rename(named_.c_str(), path_.c_str()) < 0) fail(kExitCantCreate, "rename");
    has_name_ = false;
  }

 private:
  [[noreturn]] void fail(ExitCode code, const std::string& what) const {
    const std::string reason = std::generic_category().message(errno);
    throw CommandError(code, path_ + ": " + what + ": " + reason);
  }

  static constexpr std::string_view kRandomName = "XXXXXX";

  const std::string path_;
  std::string named_;  // the name it bears, or gets, before its own
  bool has_name_ = false;
  UniqueFd fd_;  // invalid: stdout
};

Stream connect_to(const HostPort& target) {
  std::optional<Stream> connected;
  try {
    const auto connect = [&](const Endpoint& address, Deadline deadline) {
      Stream stream = Stream::unconnected(address);
      stream.connect(address, deadline);
      connected.emplace(std::move(stream));
    };
    try_each(resolve(target), Clock::now() + kConnectTime, connect);
    return std::move(*connected);
  } catch (const std::exception& error) {
    throw CommandError(kExitUnavailable, target.to_string() + ": " + error.what());
  }
}

void receive(Stream& stream, std::uint64_t size, Output& output, Progress& progress) {
  std::vector<std::byte> buffer(kBufferBytes);
  for (std::uint64_t left = size; left > 0;) {
    const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(left, buffer.size()));
    const std::size_t n =
        stream.recv_some(std::span(buffer).first(most), Clock::now() + kStallTime);
    if (n == 0) {
      throw ProtocolError(kTruncated, {{"got", size - left}, {"expected", size}});
    }
    output.write(std::span(buffer).first(n));
    progress.add(n);
    left -= n;
  }
}

// The whole of it, and says how fast that was.
void fetch(Stream& stream, const TlsCredentials& tls, const std::string& path, Output& output) {
  tls.connect(stream, Clock::now() + kConnectTime);
  const TimePoint start = Clock::now();
  const auto size = recv_frame_header(stream, kMaxFileBytes, Clock::now() + kStallTime);
  if (!size) throw ProtocolError(kTruncated, {{"got", 0}, {"expected", kFrameHeaderBytes}});
  output.reserve(*size);
  {
    Progress progress(path, *size);
    receive(stream, *size, output, progress);
  }
  output.finish();
  const auto took = Clock::now() - start;
  print_note("fetched " + std::to_string(*size) + " bytes in " + format_seconds(took) + " s, " +
             format_rate(static_cast<double>(*size) / std::chrono::duration<double>(took).count()));
  if (!tls.enabled()) return;
  // The end of TLS is a message: to close with that unread would break the connection off, as those
  // do who have not taken everything.
  stream.finish_sending();
  stream.drain(Clock::now() + kPartingTime);
}

std::string_view remedy_of(const std::string& reason) {
  if (reason == "not_tls") {
    return ": it speaks no TLS; leave out --tls-ca, --tls-certificate and --tls-key";
  }
  if (reason == "tls_required") {
    return ": it speaks TLS; give --tls-ca, --tls-certificate and --tls-key";
  }
  return "";
}

}  // namespace

CommandSpec fetch_spec() {
  return {.name = "peerctl fetch",
          .usage = "HOST:PORT -o FILE [--tls-ca FILE --tls-certificate FILE --tls-key FILE]",
          .about =
              "Receives the file that `peerctl serve` sends at HOST:PORT. FILE appears, or is\n"
              "replaced, only when all of it has arrived.",
          .positionals = {"HOST:PORT"},
          .required_positionals = 1,
          .options = with_tls_options(
              {{.name = "-o", .value_name = "FILE", .help = "where to; - is stdout"}})};
}

int run_fetch(const CommandLine& line) {
  const std::string& word = line.positionals().front();
  const auto target = HostPort::parse(word);
  if (!target) throw UsageError(word + " is no HOST:PORT: " + HostPort::problem(word));
  const auto path = line.value("-o");
  if (!path || path->empty()) throw UsageError("missing -o FILE");

  const TlsCredentials tls(tls_of(line));
  Output output(*path);
  Stream stream = connect_to(*target);
  const std::string whom = target->to_string() + ": ";
  try {
    fetch(stream, tls, *path, output);
  } catch (const ProtocolError& error) {
    throw CommandError(kExitProtocol, whom + error.what() + std::string(remedy_of(error.reason())));
  } catch (const TimeoutError& error) {
    throw CommandError(kExitTempFail, whom + error.what());
  } catch (const std::system_error& error) {
    throw std::system_error(error.code(), target->to_string());
  }
  return kExitOk;
}

}  // namespace piecework::peer::peerctl
