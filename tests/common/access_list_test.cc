#include "common/access_list.h"

#include <doctest/doctest.h>
#include <netinet/in.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace piecework {
namespace {

std::vector<Network> networks(const std::vector<std::string>& blocks) {
  std::vector<Network> list;
  for (const std::string& block : blocks) {
    const auto network = Network::parse(block);
    REQUIRE(network);
    list.push_back(*network);
  }
  return list;
}

IpAddress ip(const std::string& text) {
  const auto address = IpAddress::parse(text);
  REQUIRE(address);
  return *address;
}

TEST_SUITE("access_list") {
  TEST_CASE("deny goes before allow, and an empty allow is everybody") {
    const struct {
      std::vector<std::string> allow;
      std::vector<std::string> deny;
      std::string address;
      bool admitted;
    } kCases[] = {
        {{}, {}, "10.0.0.1", true},
        {{}, {}, "fd00::1", true},
        {{}, {"10.0.0.0/8"}, "10.255.255.255", false},
        {{}, {"10.0.0.0/8"}, "11.0.0.0", true},
        {{}, {"10.0.0.0/8"}, "9.255.255.255", true},
        {{}, {"10.1.2.3"}, "10.1.2.3", false},
        {{}, {"10.1.2.3"}, "10.1.2.4", true},
        {{"10.0.0.0/8"}, {}, "10.0.0.0", true},
        {{"10.0.0.0/8"}, {}, "192.0.2.1", false},
        {{"10.0.0.0/8"}, {}, "fd00::1", false},
        {{"10.0.0.0/8", "fd00::/8"}, {}, "fd00::1", true},
        // The longer block does not win: what is denied is denied.
        {{"10.1.2.3"}, {"10.0.0.0/8"}, "10.1.2.3", false},
        {{"10.0.0.0/8"}, {"10.1.0.0/16"}, "10.1.2.3", false},
        {{"10.0.0.0/8"}, {"10.1.0.0/16"}, "10.2.2.3", true},
        {{"10.0.0.0/8"}, {"10.0.0.0/8"}, "10.2.2.3", false},
        // Each family for itself, however an IPv4 address is written.
        {{}, {"0.0.0.0/0"}, "192.0.2.1", false},
        {{}, {"0.0.0.0/0"}, "::ffff:192.0.2.1", false},
        {{}, {"0.0.0.0/0"}, "::1", true},
        {{}, {"::/0"}, "192.0.2.1", true},
        {{}, {"::/0"}, "2001:db8::1", false},
        {{"::/0"}, {}, "192.0.2.1", false},
        {{}, {"10.0.0.0/8"}, "::ffff:10.1.2.3", false},
        {{}, {"::ffff:10.0.0.0/104"}, "10.1.2.3", false},
        {{}, {"::ffff:10.0.0.0/104"}, "11.1.2.3", true},
        {{}, {"fe80::/10"}, "febf::1", false},
        {{}, {"fe80::/10"}, "fec0::1", true},
        // Blocks that overlap, touch and stand there twice.
        {{}, {"10.0.0.0/9", "10.128.0.0/9", "10.3.0.0/16", "10.3.0.0/16"}, "10.200.0.1", false},
        {{}, {"10.0.0.0/9", "10.3.0.0/16"}, "10.127.255.255", false},
        {{}, {"10.0.0.0/9", "10.3.0.0/16"}, "10.128.0.0", true},
    };
    for (const auto& c : kCases) {
      CAPTURE(c.address);
      CAPTURE(c.admitted);
      const AccessList list(networks(c.allow), networks(c.deny));
      CHECK(list.admits(ip(c.address)) == c.admitted);
    }
  }

  TEST_CASE("an IPv4 peer on a socket of both families is the same peer") {
    sockaddr_storage storage{};
    auto& in6 = reinterpret_cast<sockaddr_in6&>(storage);
    in6.sin6_family = AF_INET6;
    REQUIRE(ip("::ffff:10.1.2.3").bytes().size() == sizeof in6.sin6_addr);
    const auto bytes = ip("::ffff:10.1.2.3").bytes();
    std::copy(bytes.begin(), bytes.end(), in6.sin6_addr.s6_addr);
    const AccessList list({}, networks({"10.0.0.0/8"}));
    CHECK_FALSE(list.admits(IpAddress::from_sockaddr(storage)));
  }

  TEST_CASE("many blocks of all lengths say what each of them says") {
    std::mt19937 random(1);
    std::vector<Network> blocks;
    const auto number = [&](unsigned most) {
      return std::to_string(std::uniform_int_distribution<unsigned>(0, most)(random));
    };
    const auto address = [&] { return "10." + number(3) + "." + number(255) + "." + number(255); };
    for (int i = 0; i < 300; ++i) {
      blocks.push_back(networks({address() + "/" + std::to_string(20 + i % 13)}).front());
    }
    const AccessList list({}, blocks);
    for (int i = 0; i < 2000; ++i) {
      const IpAddress one = ip(address());
      CAPTURE(one.to_string());
      const bool denied = std::any_of(blocks.begin(), blocks.end(),
                                      [&](const Network& block) { return block.contains(one); });
      CHECK(list.admits(one) == !denied);
    }
  }
}

}  // namespace
}  // namespace piecework
