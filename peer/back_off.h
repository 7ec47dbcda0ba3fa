// How long to wait before trying again what has failed. Pure.
#pragma once

#include "common/clock.h"
#include "peer/random.h"

namespace piecework::peer {

// `wait`, less up to a quarter of itself: things that happened at one instant everywhere should not
// happen again at one instant.
milliseconds jittered(milliseconds wait, Random& random);

// Doubles from one second to a minute with the number of failures before this one; jittered.
milliseconds back_off(int earlier_failures, Random& random);

}  // namespace piecework::peer
