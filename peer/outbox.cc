#include "peer/outbox.h"

#include <utility>

#include "common/errors.h"

namespace piecework::peer {
namespace {

void append(std::vector<std::byte>& out, std::span<const std::byte> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace

void Outbox::push(const EncodedMessage& message) {
  MutexLock lock(mutex_);
  if (closed_) return;
  if (small_.size() + message.bytes().size() > max_small_bytes_) {
    throw ProtocolError("outbox_full", {{"bytes", small_.size()}});
  }
  append(small_, message.bytes());
  changed_.notify_one();
}

void Outbox::push_frame(std::vector<std::byte> frame) {
  MutexLock lock(mutex_);
  if (closed_) return;
  append(small_, frame);
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

Outbox::Next Outbox::wait(Deadline deadline) {
  MutexLock lock(mutex_);
  while (small_.empty() && !closed_ && !request_ && pieces_.empty()) {
    if (!changed_.wait_until(mutex_, deadline)) return {Next::What::kTimeout, {}, {}};
  }
  if (closed_) return {Next::What::kClosed, std::exchange(small_, {}), {}};
  if (!small_.empty()) return {Next::What::kSmall, std::exchange(small_, {}), {}};
  if (std::exchange(request_, false)) return {Next::What::kRequest, {}, {}};
  const PieceIndex piece = pieces_.front();
  pieces_.pop_front();
  return {Next::What::kPiece, {}, piece};
}

}  // namespace piecework::peer
