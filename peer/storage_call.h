// What every call to the disk is wrapped in: what the operating system refuses becomes a
// StorageError. Stateless; safe from any thread.
#pragma once

#include <string>
#include <system_error>

#include "peer/piece_store.h"

namespace piecework::peer {

template <typename Call>
auto storage_call(Call call) {
  try {
    return call();
  } catch (const StorageError&) {
    throw;
  } catch (const std::system_error& error) {
    throw StorageError(error);
  }
}

// The same, with words of our own before the reason.
template <typename Call>
auto storage_call(const std::string& what, Call call) {
  try {
    return call();
  } catch (const StorageError&) {
    throw;
  } catch (const std::system_error& error) {
    throw StorageError(std::system_error(error.code(), what));
  }
}

}  // namespace piecework::peer
