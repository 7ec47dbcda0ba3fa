#include "tracker/network_map.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace piecework::tracker {
namespace {

NetworkMap map_of(const std::vector<std::vector<std::string>>& texts) {
  std::vector<std::vector<Network>> networks;
  for (const auto& group : texts) {
    auto& blocks = networks.emplace_back();
    for (const std::string& text : group) blocks.push_back(*Network::parse(text));
  }
  return NetworkMap(networks);
}

TEST_SUITE("network_map") {
  TEST_CASE("the longest block that an address is in decides, whatever the order") {
    const auto map = map_of({{"10.0.0.0/8", "fd00::/16"},
                             {"10.1.2.0/24"},
                             {"10.1.0.0/16", "fd00:0:0:1::/64", "10.1.2.3"}});
    const std::vector<std::pair<const char*, NetworkIndex>> table{
        {"10.9.9.9", 1}, {"10.1.9.9", 3},        {"10.1.2.9", 2},      {"10.1.2.3", 3},
        {"11.0.0.0", 0}, {"9.255.255.255", 0},   {"fd00:0:0:1::5", 3}, {"fd00:0:0:2::5", 1},
        {"fd01::", 0},   {"::ffff:10.1.2.9", 2}, {"::10.1.2.9", 0}};
    for (const auto& [address, network] : table) {
      CAPTURE(address);
      CHECK(map.network_of(*IpAddress::parse(address)) == network);
    }
  }

  TEST_CASE("a block of all addresses takes what no other does, in its own family") {
    const auto map = map_of({{"0.0.0.0/0"}, {"127.0.0.0/8"}});
    CHECK(map.network_of(*IpAddress::parse("127.1.0.1")) == 2);
    CHECK(map.network_of(*IpAddress::parse("1.2.3.4")) == 1);
    CHECK(map.network_of(*IpAddress::parse("::1")) == kNoNetwork);
  }

  TEST_CASE("without networks there is none") {
    CHECK(NetworkMap().network_of(*IpAddress::parse("127.0.0.1")) == kNoNetwork);
  }
}

}  // namespace
}  // namespace piecework::tracker
