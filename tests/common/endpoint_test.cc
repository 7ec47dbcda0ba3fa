#include "common/endpoint.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>

#include <cstring>
#include <stdexcept>
#include <unordered_set>

namespace piecework {
namespace {

IpAddress ip(std::string_view text) {
  const auto address = IpAddress::parse(text);
  REQUIRE(address);
  return *address;
}

Endpoint endpoint(std::string_view text) {
  const auto parsed = Endpoint::parse(text);
  REQUIRE(parsed);
  return *parsed;
}

TEST_SUITE("endpoint") {
  TEST_CASE("addresses are read and written") {
    const struct {
      const char* text;
      const char* printed;
      bool v4;
    } kCases[] = {
        {"0.0.0.0", "0.0.0.0", true},
        {"127.0.0.1", "127.0.0.1", true},
        {"255.255.255.255", "255.255.255.255", true},
        {"::", "::", false},
        {"::1", "::1", false},
        {"2001:DB8:0:0:0:0:0:1", "2001:db8::1", false},
        {"fe80::1:2", "fe80::1:2", false},
        {"::ffff:10.1.2.3", "10.1.2.3", true},
        {"::ffff:0a01:0203", "10.1.2.3", true},
        {"::ffff:0.0.0.0", "0.0.0.0", true},
        {"::10.1.2.3", "::10.1.2.3", false},
    };
    for (const auto& c : kCases) {
      CAPTURE(c.text);
      CHECK(ip(c.text).to_string() == c.printed);
      CHECK(ip(c.text).is_v4() == c.v4);
      CHECK(ip(c.printed) == ip(c.text));
    }
  }

  TEST_CASE("what is no address is refused") {
    for (const std::string_view text :
         {std::string_view(""), std::string_view("localhost"), std::string_view("1.2.3"),
          std::string_view("1.2.3.4.5"), std::string_view("1.2.3.256"),
          std::string_view("01.2.3.4"), std::string_view("1.2.3.4 "), std::string_view(" 1.2.3.4"),
          std::string_view("1.2.3.-4"), std::string_view("0x1.2.3.4"), std::string_view("[::1]"),
          std::string_view("fe80::1%lo"), std::string_view(":::"),
          std::string_view("1:2:3:4:5:6:7"), std::string_view("1:2:3:4:5:6:7:8:9"),
          std::string_view("12345::"), std::string_view("1.2.3.4\0", 8),
          std::string_view("1.2.3.4\0x", 9)}) {
      CAPTURE(text);
      CHECK_FALSE(IpAddress::parse(text));
    }
  }

  TEST_CASE("a mapped address is the IPv4 one") {
    CHECK(ip("::ffff:192.0.2.7") == ip("192.0.2.7"));
    CHECK(std::hash<IpAddress>{}(ip("::ffff:192.0.2.7")) ==
          std::hash<IpAddress>{}(ip("192.0.2.7")));
    sockaddr_storage v4{};
    sockaddr_storage mapped{};
    auto& in = reinterpret_cast<sockaddr_in&>(v4);
    in.sin_family = AF_INET;
    in.sin_port = htons(80);
    ::inet_pton(AF_INET, "192.0.2.7", &in.sin_addr);
    auto& in6 = reinterpret_cast<sockaddr_in6&>(mapped);
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(80);
    ::inet_pton(AF_INET6, "::ffff:192.0.2.7", &in6.sin6_addr);
    CHECK(Endpoint::from_sockaddr(v4) == Endpoint::from_sockaddr(mapped));
    CHECK(Endpoint::from_sockaddr(mapped) == endpoint("192.0.2.7:80"));
  }

  TEST_CASE("unspecified addresses are known in both families") {
    CHECK(IpAddress() == ip("0.0.0.0"));
    for (const char* text : {"0.0.0.0", "::", "::ffff:0.0.0.0"}) {
      CHECK(ip(text).is_unspecified());
    }
    for (const char* text : {"127.0.0.1", "0.0.0.1", "::1", "::ffff:127.0.0.1", "2001:db8::"}) {
      CHECK_FALSE(ip(text).is_unspecified());
    }
  }

  TEST_CASE("endpoints are read, written, and taken through a sockaddr") {
    for (const char* text : {"1.2.3.4:80", "0.0.0.0:0", "[::]:65535", "[2001:db8::1]:6666"}) {
      CAPTURE(text);
      CHECK(endpoint(text).to_string() == text);
      sockaddr_storage storage;
      const socklen_t length = endpoint(text).to_sockaddr(storage);
      CHECK(length == (storage.ss_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6)));
      CHECK(Endpoint::from_sockaddr(storage) == endpoint(text));
    }
    CHECK(endpoint("[::ffff:1.2.3.4]:80") == endpoint("1.2.3.4:80"));
  }

  TEST_CASE("what is no endpoint is refused") {
    for (const char* text : {"",
                             ":",
                             "1.2.3.4",
                             "1.2.3.4:",
                             "1.2.3.4:65536",
                             "1.2.3.4:-1",
                             "1.2.3.4:+1",
                             "1.2.3.4:80 ",
                             "1.2.3.4: 80",
                             "1.2.3.4:8o",
                             "1.2.3.4:0x50",
                             ":80",
                             "[]:80",
                             "::1:80",
                             "[::1]",
                             "[::1]:",
                             "[::1:80",
                             "::1]:80",
                             "[[::1]]:80",
                             "[1.2.3.4]:80",
                             "localhost:80",
                             "1.2.3.4:99999999999999999999"}) {
      CAPTURE(text);
      CHECK_FALSE(Endpoint::parse(text));
    }
  }

  TEST_CASE("a host and port as people write them") {
    CHECK(HostPort::parse("tracker.example:6666") == HostPort{"tracker.example", 6666});
    CHECK(HostPort::parse("1.2.3.4:1") == HostPort{"1.2.3.4", 1});
    CHECK(HostPort::parse("[::1]:80") == HostPort{"::1", 80});
    for (const char* text : {"tracker.example:6666", "1.2.3.4:1", "[::1]:80"}) {
      CHECK(HostPort::parse(text)->to_string() == text);
    }
    CHECK(HostPort::problem("tracker.example:6666").empty());
  }

  TEST_CASE("what is no host and port is refused, and said why") {
    const struct {
      std::string text;
      const char* problem;
    } kCases[] = {
        {"", "no port"},
        {"host", "no port"},
        {":80", "the host is empty"},
        {std::string(256, 'h') + ":80", "the host is longer than 255 bytes"},
        {"a host:80", "the host holds a blank"},
        {" host:80", "the host holds a blank"},
        {"host :80", "the host holds a blank"},
        {"ho\tst:80", "the host holds what is no printable character"},
        {"host\n:80", "the host holds what is no printable character"},
        {"ho\x7fst:80", "the host holds what is no printable character"},
        {"ho\xc2\x85st:80", "the host holds what is no printable character"},
        {"ho\xffst:80", "the host holds what is no printable character"},
        {std::string("ho\0st:80", 8), "the host holds what is no printable character"},
        {"[1.2.3.4]:80", "only an IPv6 address stands in brackets"},
        {"[host]:80", "only an IPv6 address stands in brackets"},
        {"[]:80", "only an IPv6 address stands in brackets"},
        {"[[::1]]:80", "only an IPv6 address stands in brackets"},
        {"[::1%lo]:80", "only an IPv6 address stands in brackets"},
        {"::1:80", "an IPv6 address needs brackets"},
        {"::1", "an IPv6 address needs brackets"},
        {"a:b:80", "the host holds a colon or a bracket"},
        {"[host:80", "the host holds a colon or a bracket"},
        {"http://host:80", "the host holds a colon or a bracket"},
        {"host:", "the port is no number from 0 to 65535"},
        {"host:65536", "the port is no number from 0 to 65535"},
        {"host:http", "the port is no number from 0 to 65535"},
        {"host:-1", "the port is no number from 0 to 65535"},
        {"host: 1", "the port is no number from 0 to 65535"},
    };
    for (const auto& c : kCases) {
      CAPTURE(c.text);
      CHECK_FALSE(HostPort::parse(c.text));
      CHECK(HostPort::problem(c.text) == c.problem);
    }
  }

  TEST_CASE("addresses resolve to themselves, names by the resolver, and bad names say so") {
    CHECK(resolve({"192.0.2.1", 80}) == std::vector{endpoint("192.0.2.1:80")});
    CHECK(resolve({"::1", 80}) == std::vector{endpoint("[::1]:80")});
    const auto local = resolve({"localhost", 80});
    REQUIRE_FALSE(local.empty());
    for (const Endpoint& found : local) {
      const std::string text = found.address.to_string();
      CHECK((text == "::1" || text.starts_with("127.")));
      CHECK(found.port == 80);
    }
    try {
      resolve({"a name with blanks", 80});
      CHECK(false);
    } catch (const std::runtime_error& error) {
      CHECK(std::string(error.what()).find("a name with blanks: ") == 0);
    }
  }

  TEST_CASE("a network contains what its prefix says") {
    const struct {
      const char* network;
      const char* address;
      bool inside;
    } kCases[] = {
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.0.0.0/8", "9.255.255.255", false},
        {"10.1.2.3/8", "10.9.9.9", true},
        {"192.168.4.0/22", "192.168.7.255", true},
        {"192.168.4.0/22", "192.168.8.0", false},
        {"192.0.2.1/32", "192.0.2.1", true},
        {"192.0.2.1/32", "192.0.2.0", false},
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"0.0.0.0/0", "255.1.2.3", true},
        {"0.0.0.0/0", "::1", false},
        {"::/0", "2001:db8::1", true},
        {"::/0", "1.2.3.4", false},
        {"::/0", "::ffff:1.2.3.4", false},
        {"::/64", "1.2.3.4", false},
        {"::ffff:10.0.0.0/104", "10.1.1.1", true},
        {"::ffff:10.0.0.0/104", "11.1.1.1", false},
        {"::ffff:0:0/96", "1.2.3.4", true},
        {"::ffff:0:0/96", "::1", false},
        {"::ffff:1.2.3.4/128", "1.2.3.5", false},
        {"fd00::/8", "fdff::1", true},
        {"fd00::/8", "fe00::1", false},
        {"2001:db8::/127", "2001:db8::1", true},
        {"2001:db8::/127", "2001:db8::2", false},
        {"::1", "::1", true},
        {"10.0.0.0/8", "::ffff:10.1.1.1", true},
        {"::ffff:10.0.0.0/8", "10.1.1.1", true},
    };
    for (const auto& c : kCases) {
      CAPTURE(c.network);
      CAPTURE(c.address);
      const auto network = Network::parse(c.network);
      REQUIRE(network);
      CHECK(network->contains(ip(c.address)) == c.inside);
      CHECK(Network::parse(network->to_string()) == network);
    }
    CHECK(Network::parse("10.0.0.0/8")->to_string() == "10.0.0.0/8");
    CHECK(Network::parse("::1")->to_string() == "::1/128");
    CHECK(Network::parse("192.0.2.1")->to_string() == "192.0.2.1/32");
  }

  TEST_CASE("what is no network is refused") {
    for (const char* text :
         {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0.0/8 ",
          "10.0.0/8", "::/129", "host/8", "10.0.0.0/104", "::ffff:10.0.0.0/95",
          "::ffff:10.0.0.0/33", "::ffff:10.0.0.0/129", "[::1]/8", "::/x"}) {
      CAPTURE(text);
      CHECK_FALSE(Network::parse(text));
    }
  }

  TEST_CASE("endpoints differ by address and by port, and so do their hashes") {
    std::unordered_set<Endpoint> set;
    std::unordered_set<std::size_t> hashes;
    for (const char* text : {"1.2.3.4:1", "1.2.3.4:2", "1.2.3.5:1", "[::1]:1", "[::1]:2"}) {
      CHECK(set.insert(endpoint(text)).second);
      CHECK_FALSE(set.insert(endpoint(text)).second);
      hashes.insert(std::hash<Endpoint>{}(endpoint(text)));
    }
    CHECK(hashes.size() == 5);
    CHECK(endpoint("1.2.3.4:1") < endpoint("1.2.3.4:2"));
  }
}

}  // namespace
}  // namespace piecework
