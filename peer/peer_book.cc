#include "peer/peer_book.h"

#include <algorithm>
#include <utility>

#include "peer/back_off.h"

namespace piecework::peer {
namespace {

constexpr seconds kAfterAccepted{1};  // it will rather dial us again
constexpr seconds kMisunderstood{60};
constexpr seconds kAfterOriginal{10};  // PROTOCOL.md section 5: at most once in 10 s
constexpr std::chrono::minutes kHopeless{10};
constexpr std::chrono::hours kForgetAfter{1};
constexpr std::size_t kMaxEntries = 2000;

}  // namespace

std::string_view outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::kUnreachable: return "unreachable";
    case Outcome::kLost: return "lost";
    case Outcome::kOriginalLost: return "original_lost";
    case Outcome::kSilent: return "silent";
    case Outcome::kBroken: return "protocol_error";
    case Outcome::kOther: return "other_torrent";
    case Outcome::kSelf: return "self";
    case Outcome::kSurplus: return "surplus";
    case Outcome::kBothComplete: return "both_complete";
    case Outcome::kOver: return "over";
    case Outcome::kBanned: return "banned";
    case Outcome::kDenied: return "denied";
    case Outcome::kStopped: return "stopping";
  }
  return "unknown";
}

void PeerBook::named_by_tracker(const std::vector<Endpoint>& peers, TimePoint now) {
  for (const Endpoint& peer : peers) {
    const auto found = entries_.find(peer);
    if (found != entries_.end()) {
      found->second.named = now;
    } else if (entries_.size() < kMaxEntries) {
      entries_.emplace(peer, Entry{now, now});
    }
  }
  std::erase_if(entries_, [&](const auto& item) {
    const auto& [endpoint, entry] = item;
    return !entry.dialled && !accepted_.contains(endpoint) && now - entry.named > kForgetAfter;
  });
}

// Who has waited longest comes first: of more than there are places for, who could not be reached
// is due again before all the others have had their turn.
std::vector<Endpoint> PeerBook::take_due(TimePoint now) {
  std::vector<Endpoint> due;
  if (!has_place()) return due;
  for (const auto& [endpoint, entry] : entries_) {
    if (entry.dialled || accepted_.contains(endpoint) || now < entry.not_before) continue;
    due.push_back(endpoint);
  }
  const auto earlier = [this](const Endpoint& a, const Endpoint& b) {
    return entries_.at(a).not_before < entries_.at(b).not_before;
  };
  const std::size_t taken = std::min(due.size(), max_dialled_ - dialled_);
  std::partial_sort(due.begin(), due.begin() + static_cast<std::ptrdiff_t>(taken), due.end(),
                    earlier);
  due.resize(taken);
  for (const Endpoint& endpoint : due) entries_.at(endpoint).dialled = true;
  dialled_ += taken;
  return due;
}

TimePoint PeerBook::next_due() const {
  TimePoint next = kNoDeadline;
  if (!has_place()) return next;
  for (const auto& [endpoint, entry] : entries_) {
    if (entry.dialled || accepted_.contains(endpoint)) continue;
    next = std::min(next, entry.not_before);
  }
  return next;
}

void PeerBook::ended(const Endpoint& peer, Outcome outcome, TimePoint now, Random& random) {
  const auto found = entries_.find(peer);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  if (entry.dialled) --dialled_;
  entry.dialled = false;
  entry.denied = outcome == Outcome::kDenied;
  switch (outcome) {
    case Outcome::kLost:
    case Outcome::kStopped:
      entry.failures = 0;
      entry.not_before = now + back_off(0, random);
      break;
    case Outcome::kUnreachable:
    case Outcome::kSilent: entry.not_before = now + back_off(entry.failures++, random); break;
    case Outcome::kBroken:
    case Outcome::kOther: entry.not_before = now + kMisunderstood; break;
    case Outcome::kOriginalLost:
    case Outcome::kSurplus:
    case Outcome::kOver:
      entry.failures = 0;
      entry.not_before = now + kAfterOriginal;
      break;
    case Outcome::kBothComplete:
    case Outcome::kDenied:
    case Outcome::kBanned: entry.not_before = now + kHopeless; break;
    case Outcome::kSelf: entry.not_before = kNoDeadline; break;
  }
}

void PeerBook::start_over(TimePoint now) {
  for (auto& [endpoint, entry] : entries_) {
    if (entry.not_before != kNoDeadline) entry.not_before = std::min(entry.not_before, now);
  }
}

void PeerBook::readmit(TimePoint now) {
  for (auto& [endpoint, entry] : entries_) {
    if (std::exchange(entry.denied, false)) entry.not_before = now;
  }
}

void PeerBook::accepted_from(const Endpoint& peer) {
  ++accepted_[peer];
}

void PeerBook::accepted_gone(const Endpoint& peer, TimePoint now) {
  const auto count = accepted_.find(peer);
  if (count == accepted_.end() || --count->second > 0) return;
  accepted_.erase(count);
  const auto found = entries_.find(peer);
  if (found == entries_.end()) return;
  found->second.not_before = std::max(found->second.not_before, now + kAfterAccepted);
}

}  // namespace piecework::peer
