#include "peer/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "common/socket.h"
#include "common/unique_fd.h"

namespace piecework::peer {
namespace {

constexpr seconds kGrace{5};               // from SIGTERM to SIGKILL,
constexpr milliseconds kGraceAtStop{500};  // and when the daemon has no time to lose
constexpr std::size_t kMaxHeldOutput = 8 * kMaxOutputBytes;  // before some of it is dropped

struct Pipe {
  UniqueFd from;
  UniqueFd to;
};

Pipe make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) throw_errno("pipe2");
  Pipe pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
  // Only ours: the program may expect its output to block.
  if (::fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0) throw_errno("fcntl");
  return pipe;
}

// What posix_spawn(3) is told, released with the object. Its functions return an errno.
class SpawnPlan {
 public:
  SpawnPlan(const std::string& directory, int output) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    // What the daemon blocks or ignores is not the program's concern.
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    add(::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0));
    add(::posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO));
    add(::posix_spawn_file_actions_adddup2(&actions_, output, STDERR_FILENO));
    // Ours close by themselves; who started us may have left others open.
    add(::posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1));
    add(::posix_spawn_file_actions_addchdir_np(&actions_, directory.c_str()));
  }
  ~SpawnPlan() {
    ::posix_spawnattr_destroy(&attributes_);
    ::posix_spawn_file_actions_destroy(&actions_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  // The errno of what could not be planned; 0: nothing.
  int error() const { return error_; }
  const posix_spawn_file_actions_t* actions() const { return &actions_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  void add(int result) {
    if (error_ == 0) error_ = result;
  }

  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
  int error_ = 0;
};

std::vector<char*> c_strings(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

pid_t spawn(const ChildCommand& command, int output) {
  const SpawnPlan plan(command.directory, output);
  const auto words = c_strings(command.words);
  const auto environment = c_strings(command.environment);
  pid_t pid = -1;
  const int error = plan.error() != 0
                        ? plan.error()
                        : ::posix_spawn(&pid, words[0], plan.actions(), plan.attributes(),
                                        words.data(), environment.data());
  if (error != 0) {
    throw std::system_error(error, std::generic_category(), "run " + command.words.front());
  }
  return pid;
}

// Takes in what has been printed so far. False at its end.
bool read_output(int fd, std::string& held) {
  std::array<char, 4096> chunk;
  while (true) {
    const ssize_t n = ::read(fd, chunk.data(), chunk.size());
    if (n == 0) return false;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN;
    held.append(chunk.data(), static_cast<std::size_t>(n));
    if (held.size() > kMaxHeldOutput) held.erase(0, held.size() - kMaxHeldOutput / 2);
  }
}

// Its end, from the start of a line if that is not all of it.
std::string last_lines(std::string text) {
  text.erase(std::min(text.find_last_not_of("\r\n") + 1, text.size()));
  if (text.size() <= kMaxOutputBytes) return text;
  text.erase(0, text.size() - kMaxOutputBytes - 1);
  const std::size_t line = text.find('\n');
  return text.substr(line == text.npos ? 1 : line + 1);
}

// The process is not reaped before reap(), so its number and its group's stay its own until then.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid), fd_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U))) {
    if (fd_.valid()) return;
    const int error = errno;
    kill(SIGKILL);
    reap();
    throw std::system_error(error, std::generic_category(), "pidfd_open");
  }

  int fd() const { return fd_.get(); }  // readable once it has ended
  void kill(int signal) const { ::kill(-pid_, signal); }
  // Waits for its end; what waitpid(2) says of it.
  int reap() const {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
  }

 private:
  const pid_t pid_;
  const UniqueFd fd_;
};

std::string describe(int status) {
  if (WIFSIGNALED(status)) return "killed by signal " + std::to_string(WTERMSIG(status));
  const int code = WEXITSTATUS(status);
  return code == 0 ? "" : "exit status " + std::to_string(code);
}

}  // namespace

ChildEnd run_child(const ChildCommand& command, Deadline deadline, const WakeEvent& stop) {
  Pipe output = make_pipe();
  const Child child(spawn(command, output.to.get()));
  output.to.reset();
  std::string held;
  std::string problem;  // why it was told to end
  pollfd waiting[] = {
      {child.fd(), POLLIN, 0}, {stop.fd(), POLLIN, 0}, {output.from.get(), POLLIN, 0}};
  while (true) {
    ::poll(waiting, std::size(waiting), poll_timeout(deadline));  // EINTR: too early does no harm
    if (waiting[2].revents != 0 && !read_output(output.from.get(), held)) waiting[2].fd = -1;
    if (waiting[0].revents != 0) break;
    if (waiting[1].revents != 0) {
      if (problem.empty()) problem = "ended because peerd was stopped";
      child.kill(SIGTERM);
      deadline = std::min(deadline, Clock::now() + kGraceAtStop);
      waiting[1].fd = -1;
    }
    if (Clock::now() < deadline) continue;
    child.kill(problem.empty() ? SIGTERM : SIGKILL);
    if (problem.empty()) problem = "ended because it took too long";
    deadline = Clock::now() + kGrace;
  }
  if (waiting[2].fd >= 0) read_output(output.from.get(), held);
  if (!problem.empty()) child.kill(SIGKILL);  // what is left of its group
  const int status = child.reap();
  return {problem.empty() ? describe(status) : problem, last_lines(std::move(held))};
}

std::string program_problem(const std::string& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) < 0) return std::generic_category().message(errno);
  if (!S_ISREG(status.st_mode)) return "not a regular file";
  if (::access(path.c_str(), X_OK) < 0) return std::generic_category().message(errno);
  return "";
}

}  // namespace piecework::peer
