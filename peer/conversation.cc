#include "peer/conversation.h"

namespace piecework::peer {

bool SendState::interested() {
  if (value_ != Value::k10) return false;
  value_ = Value::k11;
  return true;
}

void SendState::uninterested() {
  value_ = Value::k10;
}

bool SendState::choke() {
  if (value_ != Value::k01) return false;
  value_ = Value::k11;
  return true;
}

bool SendState::unchoke() {
  if (value_ != Value::k11) return false;
  value_ = Value::k01;
  ever_unchoked_ = true;
  return true;
}

SendState::OnRequest SendState::request() const {
  if (value_ == Value::k01) return OnRequest::kServe;
  return ever_unchoked_ ? OnRequest::kDrop : OnRequest::kProtocolError;
}

bool RecvState::want() {
  if (value_ != Value::k10) return false;
  value_ = Value::k11;
  return true;
}

bool RecvState::want_nothing() {
  if (value_ == Value::k10) return false;
  value_ = Value::k10;
  return true;
}

bool RecvState::unchoked() {
  if (value_ != Value::k11) return false;
  value_ = Value::k01;
  return true;
}

bool RecvState::choked() {
  if (value_ != Value::k01) return false;
  value_ = Value::k11;
  return true;
}

}  // namespace piecework::peer
