#include "peer/outbox.h"

#include <algorithm>
#include <utility>

#include "common/errors.h"

namespace piecework::peer {
namespace {

void append(std::vector<std::byte>& out, std::span<const std::byte> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace

void Outbox::append_locked(const EncodedMessage& message) {
  if (small_.size() + message.bytes().size() > max_small_bytes_) {
    throw ProtocolError("outbox_full", {{"bytes", small_.size()}});
  }
  append(small_, message.bytes());
}

void Outbox::push(const EncodedMessage& message) {
  MutexLock lock(mutex_);
  if (closed_) return;
  append_locked(message);
  urgent_ = true;
  changed_.notify_one();
}

void Outbox::push_patient(const EncodedMessage& message) {
  MutexLock lock(mutex_);
  if (closed_) return;
  append_locked(message);
  // The writer looks again by itself when the patience is over.
  if (patient_until_ <= Clock::now()) changed_.notify_one();
}

void Outbox::push_frame(const std::vector<std::byte>& frame) {
  MutexLock lock(mutex_);
  if (closed_) return;
  append(small_, frame);
  urgent_ = true;
  changed_.notify_one();
}

void Outbox::push_piece(PieceIndex piece) {
  MutexLock lock(mutex_);
  if (closed_) return;
  if (pieces_.size() >= max_pieces_) {
    throw ProtocolError("too_many_requests", {{"limit", max_pieces_}});
  }
  pieces_.push_back(piece);
  changed_.notify_one();
}

void Outbox::drop_pieces() {
  MutexLock lock(mutex_);
  pieces_.clear();
}

void Outbox::drop_piece(PieceIndex piece) {
  MutexLock lock(mutex_);
  std::erase(pieces_, piece);
}

void Outbox::wake_to_request() {
  MutexLock lock(mutex_);
  request_ = true;
  changed_.notify_one();
}

void Outbox::close(std::optional<EncodedMessage> last) {
  MutexLock lock(mutex_);
  if (closed_) return;
  closed_ = true;
  pieces_.clear();
  if (last) append(small_, last->bytes());
  changed_.notify_one();
}

bool Outbox::has_work_locked() const {
  if (closed_ || request_ || urgent_ || !pieces_.empty()) return true;
  return !small_.empty() && patient_until_ <= Clock::now();
}

Outbox::Next Outbox::wait(Deadline deadline) {
  MutexLock lock(mutex_);
  while (!has_work_locked()) {
    const TimePoint now = Clock::now();
    if (deadline <= now) return {Next::What::kTimeout, {}, {}};
    changed_.wait_until(mutex_,
                        patient_until_ > now ? std::min(deadline, patient_until_) : deadline);
  }
  if (closed_) return {Next::What::kClosed, std::exchange(small_, {}), {}};
  if (std::exchange(request_, false)) return {Next::What::kRequest, {}, {}};
  if (!small_.empty()) {
    urgent_ = false;
    patient_until_ = Clock::now() + patience_;
    return {Next::What::kSmall, std::exchange(small_, {}), {}};
  }
  const PieceIndex piece = pieces_.front();
  pieces_.pop_front();
  return {Next::What::kPiece, {}, piece};
}

}  // namespace piecework::peer
