#include "tests/support/store_rig.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "tests/support/pieces.h"
#include "tests/support/socket_pair.h"

namespace piecework::peer {

void StoreRig::write(PieceStore& store, std::string_view which) const {
  for (PieceIndex piece; piece.value() < which.size(); ++piece) {
    if (which[piece.value()] == '1') store.write_piece(piece, bytes_of(sample.piece(piece)));
  }
}

void StoreRig::touch(const std::string& name) const {
  const timespec times[2] = {{0, UTIME_OMIT}, {1'000'000'000, 0}};
  REQUIRE(::utimensat(AT_FDCWD, temp.file(name).c_str(), times, 0) == 0);
}

std::string opened(PieceStore& store, const std::optional<ResumeState>& state) {
  const PieceStore::Opened found = store.open(state);
  return to_text(found.trusted) + " " + to_text(found.in_doubt) +
         (found.final_name ? " NAME" : "") +
         (found.wrong_files > 0 ? " wrong " + std::to_string(found.wrong_files) : "");
}

std::string problem(PieceStore& store, const std::optional<ResumeState>& state) {
  try {
    return "none: " + opened(store, state);
  } catch (const StorageError& error) {
    return error.what();
  }
}

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != text.npos;
}

}  // namespace piecework::peer
