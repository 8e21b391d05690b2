// What a window needs of the hub, without ever waiting for it: downloads one after the other, a search, a look into one
// repository. Commands return at once; results are seen in the next snapshot.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/hub/pull.h"

namespace fabula::hub {

struct Download {
  enum class State { waiting, asking, fetching, checking, paused, failed, finished };
  std::string name;  // as parse_pull_name takes it; unique
  State state = State::waiting;
  uint64_t bytes_done = 0, bytes_total = 0;
  double bytes_per_second = 0;
  std::string error;             // failed: why
  std::filesystem::path model;   // finished: what open_model takes
};

// What a repository offers; of a starter (starters.h) or of one that was opened from a search.
struct Look {
  std::string repository;
  bool done = false;
  std::string error;  // done and not empty: why not
  std::string licence;
  bool gated = false;
  std::vector<Offer> offers;   // GGUF; empty: the whole folder
  uint64_t folder_bytes = 0;   // of the files that a pull without a selector fetches
};

struct DeskSnapshot {
  std::vector<Download> downloads;  // in the order in which they were asked for
  std::string words;                // of the search whose results these are
  bool searching = false;
  std::string search_error;
  std::vector<FoundRepository> found;
  std::vector<Look> looks;          // the latest last
};

// Thread: all from any; none waits for the network.
class Desk {
 public:
  struct Options {
    Places places;
    std::function<void()> on_change;  // on threads of the desk; must not block
  };
  explicit Desk(Options options);
  ~Desk();  // stops everything; downloads go on where they were the next time

  std::shared_ptr<const DeskSnapshot> snapshot() const;  // never null

  void download(const std::string& name);  // also: goes on with one that was paused or has failed
  void pause(const std::string& name);
  void cancel(const std::string& name);    // and forgets what came
  void dismiss(const std::string& name);   // one that is finished or has failed leaves the list
  void search(const std::string& words);
  void look(const std::string& repository);

 private:
  struct Question {
    enum class Kind { search, look, forget } kind;
    std::string text;
  };
  template <class Change>
  void change(const Change& change);
  Download* find_or_null(const std::string& name);  // under mutex_
  void fetch_all();
  void fetch(const std::string& name);
  void answer_all();
  void answer_search(net::HttpClient& client, const std::string& words);
  void answer_look(net::HttpClient& client, const std::string& repository);

  const Options options_;
  mutable std::mutex mutex_;
  std::condition_variable woken_;
  DeskSnapshot state_;                             // guarded by mutex_
  std::shared_ptr<const DeskSnapshot> published_;  // guarded by mutex_
  std::deque<Question> questions_;                 // guarded by mutex_
  std::string fetching_;                           // guarded by mutex_
  bool forget_when_stopped_ = false;               // guarded by mutex_
  std::atomic<bool> stop_fetching_{false}, stopping_{false};
  std::thread fetcher_, asker_;
};

}  // namespace fabula::hub
