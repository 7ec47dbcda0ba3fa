// A long cable between two network namespaces, for kernels without netem: a TAP device in each, and
// every frame that leaves by one enters the other DELAY later. Nothing is lost, reordered or
// slowed: frames come and go as the kernel batches them (up to 64 KiB, checksums left to the other
// end), which carries several Gbit/s.
//
//   delay NAMESPACE1 DEVICE1 NAMESPACE2 DEVICE2 MILLISECONDS
//     prints `ready` when both devices are there; they go away with the process.
//
// One thread a direction; a namespace is a name in /run/netns. Root.
// Sources: tun(4) of the kernel's Documentation/networking/tuntap.rst, linux/if_tun.h, setns(2).

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

// A frame of 64 KiB, its Ethernet header with a tag, and the virtio_net_hdr that says how to cut
// it.
constexpr std::size_t kMostBytes = 65536 + 18 + 10;
// What a direction may hold; it reads no more meanwhile, so the device's own queue fills.
constexpr std::size_t kMostHeldBytes = std::size_t{64} << 20;
// Frames taken in before those that are due get their turn.
constexpr int kFramesAtOnce = 16;

struct Frame {
  Clock::time_point due;
  std::vector<char> bytes;
};

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "delay: %s: %s\n", what.c_str(), std::strerror(errno));
  std::_Exit(1);
}

// The device's other end; the calling thread stays in that namespace.
int open_tap(const std::string& name_space, const std::string& device) {
  const std::string path = "/run/netns/" + name_space;
  const int space = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (space < 0 || setns(space, CLONE_NEWNET) != 0) fail(path);
  close(space);
  const int tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (tap < 0) fail("/dev/net/tun");
  ifreq request{};
  if (device.size() >= sizeof request.ifr_name) {
    errno = ENAMETOOLONG;
    fail(device);
  }
  std::memcpy(request.ifr_name, device.data(), device.size());
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  if (ioctl(tap, TUNSETIFF, &request) != 0) fail(device);
  if (ioctl(tap, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) != 0) fail("TUNSETOFFLOAD");
  return tap;
}

// Sleeps until there is something to read, if it may read, or the first frame is due.
void wait(int from, bool may_read, const std::deque<Frame>& frames) {
  pollfd readable{.fd = from, .events = static_cast<short>(may_read ? POLLIN : 0), .revents = 0};
  if (frames.empty()) {
    poll(&readable, 1, -1);
    return;
  }
  const auto left = frames.front().due - Clock::now();
  if (left <= Clock::duration::zero()) return;
  const timespec time{.tv_sec = 0, .tv_nsec = std::chrono::nanoseconds(left).count()};
  ppoll(&readable, 1, &time, nullptr);
}

// One direction, for as long as the process. A frame for a device that is down is lost, as on a
// cable.
void carry(int from, int to, Clock::duration delay) {
  std::deque<Frame> frames;
  std::size_t held = 0;
  std::vector<char> buffer(kMostBytes);
  while (true) {
    wait(from, held < kMostHeldBytes, frames);
    for (int i = 0; i < kFramesAtOnce && held < kMostHeldBytes; ++i) {
      const ssize_t got = read(from, buffer.data(), buffer.size());
      if (got < 0 && errno != EAGAIN && errno != EINTR && errno != EIO) fail("read");
      if (got <= 0) break;
      frames.push_back(
          {.due = Clock::now() + delay, .bytes = {buffer.data(), buffer.data() + got}});
      held += static_cast<std::size_t>(got);
    }
    while (!frames.empty() && frames.front().due <= Clock::now()) {
      const auto& bytes = frames.front().bytes;
      if (write(to, bytes.data(), bytes.size()) < 0 && errno == EBADF) fail("write");
      held -= bytes.size();
      frames.pop_front();
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  unsigned milliseconds = 0;
  if (arguments.size() == 5) {
    const std::string_view text = arguments[4];
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), milliseconds);
    if (error != std::errc{} || end != text.data() + text.size()) milliseconds = 1000;
  }
  if (arguments.size() != 5 || milliseconds >= 1000) {
    std::fputs("usage: delay NAMESPACE1 DEVICE1 NAMESPACE2 DEVICE2 MILLISECONDS (at most 999)\n",
               stderr);
    return 64;
  }
  const int one = open_tap(arguments[0], arguments[1]);
  const int other = open_tap(arguments[2], arguments[3]);
  std::puts("ready");
  std::fflush(stdout);
  const std::chrono::milliseconds delay(milliseconds);
  std::jthread back(carry, other, one, delay);
  carry(one, other, delay);
}
