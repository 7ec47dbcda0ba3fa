#include "common/units.h"

#include <doctest/doctest.h>

#include <limits>

namespace piecework {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

TEST_SUITE("units") {
  TEST_CASE("sizes are read with and without a unit") {
    CHECK(parse_size("0") == 0U);
    CHECK(parse_size("1024") == 1024U);
    CHECK(parse_size("12B") == 12U);
    CHECK(parse_size("8 MiB") == 8U << 20);
    CHECK(parse_size("8MiB") == 8U << 20);
    CHECK(parse_size("64KiB") == 64U << 10);
    CHECK(parse_size("3GiB") == 3ULL << 30);
    CHECK(parse_size("2 TiB") == 2ULL << 40);
    CHECK(parse_size("18446744073709551615") == std::numeric_limits<std::uint64_t>::max());
    CHECK(parse_size("16777215TiB") == 16777215ULL << 40);
  }

  TEST_CASE("what is no size is refused") {
    for (const char* text :
         {"", " ", "MiB", "-1", "+1", " 1", "1 ", "1  MiB", "1 MB", "1mib", "1.5MiB", "1M", "0x10",
          "1 MiB ", "1\tMiB", "18446744073709551616", "16777216TiB", "99999999999999999999"}) {
      CAPTURE(text);
      CHECK(!parse_size(text));
    }
  }

  TEST_CASE("durations are read with their unit") {
    CHECK(parse_duration("0") == milliseconds(0));
    CHECK(parse_duration("0s") == milliseconds(0));
    CHECK(parse_duration("500ms") == milliseconds(500));
    CHECK(parse_duration("60s") == seconds(60));
    CHECK(parse_duration("2m") == minutes(2));
    CHECK(parse_duration("24h") == hours(24));
    CHECK(parse_duration("1d") == hours(24));
    CHECK(parse_duration("36500d") == kMaxDuration);
  }

  TEST_CASE("what is no duration is refused") {
    for (const char* text : {"", "1", "60", "-1s", "1.5s", "1 s", "s", "1S", "1w", "1sec", "1m30s",
                             "36501d", "18446744073709551615ms", "18446744073709551616s"}) {
      CAPTURE(text);
      CHECK(!parse_duration(text));
    }
  }

  TEST_CASE("sizes and rates are printed in the largest unit that fits") {
    CHECK(format_size(0) == "0 B");
    CHECK(format_size(1023) == "1023 B");
    CHECK(format_size(1024) == "1.0 KiB");
    CHECK(format_size(12'897'485) == "12.3 MiB");
    CHECK(format_size((1 << 20) - 1) == "1.0 MiB");
    CHECK(format_size(1ULL << 40) == "1.0 TiB");
    CHECK(format_size(std::numeric_limits<std::uint64_t>::max()) == "16.0 EiB");
    CHECK(format_rate(12'897'485) == "12.3 MiB/s");
    CHECK(format_rate(0.4) == "0 B/s");
    CHECK(format_rate(-5) == "0 B/s");
    CHECK(format_rate(std::numeric_limits<double>::infinity()) == "0 B/s");
  }

  TEST_CASE("counts are printed with their noun") {
    CHECK(format_count(0, "piece") == "0 pieces");
    CHECK(format_count(1, "piece") == "1 piece");
    CHECK(format_count(2, "piece") == "2 pieces");
  }

  TEST_CASE("durations are printed with two digits of what matters") {
    CHECK(format_duration(milliseconds(0)) == "0.0s");
    CHECK(format_duration(milliseconds(-5)) == "0.0s");
    CHECK(format_duration(milliseconds(12'340)) == "12.3s");
    CHECK(format_duration(milliseconds(59'940)) == "59.9s");
    CHECK(format_duration(milliseconds(59'960)) == "1m00s");
    CHECK(format_duration(seconds(123)) == "2m03s");
    CHECK(format_duration(milliseconds(3'599'600)) == "1h00m");
    CHECK(format_duration(minutes(62)) == "1h02m");
    CHECK(format_duration(hours(76)) == "3d04h");
    CHECK(format_duration(milliseconds::max()).ends_with("h"));
  }
}

}  // namespace
}  // namespace piecework
