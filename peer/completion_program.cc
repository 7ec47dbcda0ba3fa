#include "peer/completion_program.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "common/log.h"
#include "common/threads.h"
#include "common/units.h"
#include "peer/child_process.h"

namespace piecework::peer {
namespace {

constexpr const char* kSearchPath =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

Fields log_fields(const CompletionProgram::Completed& download) {
  return {{"hash", download.info_hash.to_short_hex()}, {"name", download.name}};
}

void log_failed(const CompletionProgram::Completed& download, const std::string& reason,
                const Fields& more = {}) {
  Fields fields = log_fields(download);
  fields.emplace_back("reason", reason);
  fields.insert(fields.end(), more.begin(), more.end());
  log_warn("program.failed", fields);
}

}  // namespace

CompletionProgram::CompletionProgram(const std::string& directory, Settings settings)
    : directory_(std::filesystem::absolute(directory).string()), settings_(std::move(settings)) {}

CompletionProgram::~CompletionProgram() {
  stop();
}

void CompletionProgram::set(Settings settings) {
  MutexLock lock(mutex_);
  settings_ = std::move(settings);
}

void CompletionProgram::completed(const Completed& download) {
  std::string problem;
  {
    MutexLock lock(mutex_);
    if (settings_.command.empty()) return;
    try {
      if (stopping_) problem = "peerd is being stopped";
      if (!stopping_ && !thread_.joinable()) {
        thread_ = start_thread("on-complete", [this] { run(); });
      }
    } catch (const std::system_error& error) {
      problem = error.what();
    }
    if (problem.empty()) {
      jobs_.push_back({download, settings_});
      changed_.notify_one();
      return;
    }
  }
  log_failed(download, problem);
}

void CompletionProgram::begin_stop() {
  MutexLock lock(mutex_);
  stopping_ = true;
  stop_.signal();
  changed_.notify_one();
}

void CompletionProgram::stop() {
  begin_stop();
  std::thread ending;
  std::deque<Job> not_run;
  {
    MutexLock lock(mutex_);
    ending = std::move(thread_);
    not_run = std::exchange(jobs_, {});
  }
  if (ending.joinable()) ending.join();
  for (const Job& job : not_run) log_failed(job.download, "peerd is being stopped");
}

void CompletionProgram::run() {
  while (true) {
    Job job;
    {
      MutexLock lock(mutex_);
      while (jobs_.empty() && !stopping_) changed_.wait(mutex_);
      if (stopping_) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    run_one(job);
  }
}

void CompletionProgram::run_one(const Job& job) const {
  const Completed& download = job.download;
  const ChildCommand command{.words = job.settings.command,
                             .environment = {kSearchPath, "PIECEWORK_NAME=" + download.name,
                                             "PIECEWORK_PATH=" + directory_ + "/" + download.name,
                                             "PIECEWORK_HASH=" + download.info_hash.to_hex(),
                                             "PIECEWORK_BYTES=" + std::to_string(download.bytes)},
                             .directory = directory_};
  Fields fields = log_fields(download);
  fields.emplace_back("program", command.words.front());
  log_info("program.started", fields);
  const TimePoint from = Clock::now();
  try {
    const ChildEnd end = run_child(command, from + job.settings.timeout, stop_);
    const Fields result{{"seconds", format_seconds(Clock::now() - from)}, {"output", end.output}};
    if (!end.problem.empty()) return log_failed(download, end.problem, result);
    fields.insert(fields.end(), result.begin(), result.end());
    log_info("program.ended", fields);
  } catch (const std::exception& error) {
    log_failed(download, error.what());
  }
}

}  // namespace piecework::peer
