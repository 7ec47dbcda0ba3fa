// peerctl: makes, shows and checks torrents, moves files without a daemon, and asks the local
// peerd. Dispatch to the subcommands, each in a file of its own, and the one place that turns
// errors into exit codes.

#include <array>
#include <cerrno>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "common/command_line.h"
#include "common/errors.h"
#include "common/exit_codes.h"
#include "common/printable.h"
#include "common/threads.h"
#include "common/version.h"
#include "peer/peerctl_fetch.h"
#include "peer/peerctl_get.h"
#include "peer/peerctl_io.h"
#include "peer/peerctl_keygen.h"
#include "peer/peerctl_make.h"
#include "peer/peerctl_request.h"
#include "peer/peerctl_serve.h"
#include "peer/peerctl_show.h"
#include "peer/peerctl_status.h"
#include "peer/peerctl_verify.h"

namespace piecework::peer::peerctl {
namespace {

struct Subcommand {
  std::string_view name;
  std::string_view summary;
  CommandSpec (*spec)();
  int (*run)(const CommandLine& line);
};

constexpr std::array kSubcommands = {
    Subcommand{"make", "make the torrent of a file or a directory", make_spec, run_make},
    Subcommand{"keygen", "make a key to sign torrents with", keygen_spec, run_keygen},
    Subcommand{"show", "print what a torrent says", show_spec, run_show},
    Subcommand{"verify", "compare a file or a directory with its torrent", verify_spec, run_verify},
    Subcommand{"get", "fetch what a torrent describes, without a daemon", get_spec, run_get},
    Subcommand{"status", "print what the local peerd is doing", status_spec, run_status},
    Subcommand{"recheck", "have the local peerd verify a torrent again", recheck_spec, run_recheck},
    Subcommand{"pause", "have it hold a torrent", pause_spec, run_pause},
    Subcommand{"resume", "have it go on with one", resume_spec, run_resume},
    Subcommand{"serve", "send a file to everyone who connects", serve_spec, run_serve},
    Subcommand{"fetch", "receive the file that a server sends", fetch_spec, run_fetch},
};

std::string overall_help() {
  std::string out =
      "Usage: peerctl SUBCOMMAND [arguments]\n"
      "       peerctl SUBCOMMAND --help\n"
      "       peerctl --version\n"
      "\n"
      "The companion of peerd: makes and checks torrents, and moves files without a daemon.\n"
      "\n"
      "Subcommands:\n";
  for (const Subcommand& subcommand : kSubcommands) {
    std::string line = "  " + std::string(subcommand.name);
    line.resize(12, ' ');
    out += line + std::string(subcommand.summary) + "\n";
  }
  return out +
         "\n"
         "Exit codes: 0 done, 64 wrong usage, 65 bad torrent or data, 66 no such input,\n"
         "69 nobody reachable, 70 a fault of ours, 73 cannot create the output, 74 reading or\n"
         "writing failed, 75 try again, 76 the other side broke the protocol, 77 refused,\n"
         "78 bad configuration.\n";
}

const Subcommand* find_subcommand(std::string_view name) {
  for (const Subcommand& subcommand : kSubcommands) {
    if (subcommand.name == name) return &subcommand;
  }
  return nullptr;
}

int dispatch(std::span<const std::string> arguments) {
  if (arguments.empty()) throw UsageError("missing subcommand");
  const std::string& word = arguments.front();
  if (word == "--help" || word == "-h") {
    print_out(overall_help());
    return kExitOk;
  }
  if (word == "--version") {
    print_out("peerctl " + std::string(kVersion) + "\n");
    return kExitOk;
  }
  const Subcommand* const subcommand = find_subcommand(word);
  if (subcommand == nullptr) {
    throw UsageError((word.starts_with("-") ? "unknown option " : "unknown subcommand ") + word);
  }
  const CommandSpec spec = subcommand->spec();
  const CommandLine line = CommandLine::parse(spec, arguments.subspan(1));
  if (line.help()) {
    print_out(help_text(spec));
    return kExitOk;
  }
  return subcommand->run(line);
}

ExitCode exit_code_of(const std::system_error& error) {
  switch (error.code().value()) {
    case ENOENT:
    case ENOTDIR: return kExitNoInput;
    case EACCES:
    case EPERM: return kExitRefused;
    case EADDRINUSE:
    case EADDRNOTAVAIL:
    case ECONNREFUSED:
    case ECONNRESET:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ETIMEDOUT: return kExitUnavailable;
    default: return kExitIo;
  }
}

int fail(ExitCode exit_code, const std::exception& error) {
  print_note("peerctl: " + printable(error.what()));
  return exit_code;
}

int run(std::span<const std::string> arguments) {
  try {
    return dispatch(arguments);
  } catch (const UsageError& error) {
    const bool known = !arguments.empty() && find_subcommand(arguments.front()) != nullptr;
    fail(kExitUsage, error);
    print_note("Try: peerctl " + (known ? arguments.front() + " " : "") + "--help");
    return kExitUsage;
  } catch (const CommandError& error) {
    return fail(error.exit_code(), error);
  } catch (const TorrentError& error) {
    return fail(kExitData, error);
  } catch (const ConfigError& error) {
    return fail(kExitConfig, error);
  } catch (const ProtocolError& error) {
    return fail(kExitProtocol, error);
  } catch (const TimeoutError& error) {
    return fail(kExitTempFail, error);
  } catch (const std::system_error& error) {
    return fail(exit_code_of(error), error);
  } catch (const std::exception& error) {
    return fail(kExitSoftware, error);
  }
}

}  // namespace
}  // namespace piecework::peer::peerctl

int main(int argc, char** argv) {
  piecework::set_thread_stack_size();
  return piecework::peer::peerctl::run(piecework::argument_strings(argc, argv));
}
