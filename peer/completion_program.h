// The operator's program that is run for each download that has been completed, one at a time, in
// the order of completion. What becomes of it is logged (`program.…`) and changes nothing else.
// Owns one thread, from the first completion to stop(). Safe from any thread.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "common/clock.h"
#include "common/mutex.h"
#include "common/torrent.h"
#include "common/wake_event.h"

namespace piecework::peer {

class CompletionProgram {
 public:
  struct Settings {
    std::vector<std::string> command;  // the path of the program, and its arguments; empty: none
    milliseconds timeout{0};
  };
  struct Completed {
    InfoHash info_hash;
    std::string name;
    std::uint64_t bytes = 0;
  };

  // It runs in `directory`, where the files are.
  CompletionProgram(const std::string& directory, Settings settings);
  ~CompletionProgram();

  // For downloads that complete from now on.
  void set(Settings settings) EXCLUDES(mutex_);

  // Its turn will come. Does not wait.
  void completed(const Completed& download) EXCLUDES(mutex_);

  // What runs is ended, what has not begun is not run; begin_stop() does not wait for that.
  void begin_stop() EXCLUDES(mutex_);
  void stop() EXCLUDES(mutex_);

 private:
  struct Job {
    Completed download;
    Settings settings;
  };

  void run() EXCLUDES(mutex_);
  void run_one(const Job& job) const;

  const std::string directory_;
  WakeEvent stop_;

  Mutex mutex_;
  CondVar changed_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  Settings settings_ GUARDED_BY(mutex_);
  std::deque<Job> jobs_ GUARDED_BY(mutex_);
  std::thread thread_ GUARDED_BY(mutex_);
};

}  // namespace piecework::peer
