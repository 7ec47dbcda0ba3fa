// What the programs exit with. Source: sysexits.h(3head).
#pragma once

namespace piecework {

enum ExitCode : int {
  kExitOk = 0,
  kExitUsage = 64,        // the command line
  kExitData = 65,         // a bad torrent, or data that does not match it
  kExitNoInput = 66,      // no such file
  kExitUnavailable = 69,  // nobody reachable
  kExitSoftware = 70,     // a fault of ours
  kExitCantCreate = 73,   // an output file
  kExitIo = 74,           // reading or writing failed
  kExitTempFail = 75,     // no progress; try again
  kExitProtocol = 76,     // the other side broke the protocol
  kExitRefused = 77,      // the other side, or a permission, refused
  kExitConfig = 78,       // the configuration
};

}  // namespace piecework
