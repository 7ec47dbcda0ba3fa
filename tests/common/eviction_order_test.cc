#include "common/eviction_order.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace piecework {
namespace {

using Order = EvictionOrder<const std::string>;

const IpAddress kFew = *IpAddress::parse("10.0.0.1");
const IpAddress kMany = *IpAddress::parse("10.0.0.2");
const IpAddress kOther = *IpAddress::parse("::1");

TEST_SUITE("eviction_order") {
  TEST_CASE("of those with an address each, the one that has been there longest comes first") {
    const std::vector<std::string> names{"a", "b", "c"};
    Order order;
    CHECK(order.first() == nullptr);
    const Order::Ticket first = order.add(kMany, names[0]);
    order.add(kFew, names[1]);
    order.add(kOther, names[2]);
    CHECK(order.first() == &names[0]);
    order.remove(kMany, first);
    CHECK(order.first() == &names[1]);
    CHECK(order.first_of(kOther) == &names[2]);
    CHECK(order.first_of(kMany) == nullptr);
    order.add(kMany, names[0]);  // it is the youngest now
    CHECK(order.first() == &names[1]);
  }

  TEST_CASE("of the address with most of them the oldest comes first, until others have as many") {
    const std::vector<std::string> names{"lone", "old", "young", "younger"};
    Order order;
    order.add(kFew, names[0]);
    const Order::Ticket old = order.add(kMany, names[1]);
    const Order::Ticket young = order.add(kMany, names[2]);
    order.add(kMany, names[3]);
    CHECK(order.first() == &names[1]);
    CHECK(order.first_of(kFew) == &names[0]);
    CHECK(order.first_of(kMany) == &names[1]);
    order.remove(kMany, young);
    CHECK(order.first() == &names[1]);
    order.remove(kMany, old);
    CHECK(order.first() == &names[0]);
  }

  TEST_CASE("it agrees with a search through all of them, whatever comes and goes") {
    struct Member {
      IpAddress address;
      Order::Ticket ticket;
    };
    const std::vector<IpAddress> addresses{kFew, kMany, kOther};
    const std::vector<std::string> names(1000);
    std::map<const std::string*, Member> there;
    Order order;
    std::minstd_rand random(1);
    for (const std::string& name : names) {
      const IpAddress& address = addresses[random() % addresses.size()];
      there.emplace(&name, Member{address, order.add(address, name)});
      for (auto left = random() % 3; left > 0 && there.size() > 3; --left) {
        const auto gone = std::next(there.begin(), random() % there.size());
        order.remove(gone->second.address, gone->second.ticket);
        there.erase(gone);
      }
      const std::string* expected = nullptr;
      std::size_t most = 0;
      for (const auto& [one, member] : there) {
        std::size_t count = 0;
        for (const auto& [other, its] : there) count += its.address == member.address ? 1U : 0U;
        const bool older = expected == nullptr || member.ticket < there.at(expected).ticket;
        if (count > most || (count == most && older)) expected = one;
        most = std::max(most, count);
      }
      REQUIRE(order.first() == expected);
    }
  }
}

}  // namespace
}  // namespace piecework
