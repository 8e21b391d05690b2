#include "core/model/library_watch.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "core/model/model.h"

namespace fabula::model {

namespace {

constexpr int look_again_milliseconds = 60000;  // where the system watches nothing for us

// Of this thread alone: what it reads may wait for everything else.
void become_unimportant() {
  const auto thread = static_cast<id_t>(::gettid());
  ::setpriority(PRIO_PROCESS, thread, 19);
  constexpr int io_idle_class = 3 << 13;                // ioprio.h: IOPRIO_CLASS_IDLE
  ::syscall(SYS_ioprio_set, 1, thread, io_idle_class);  // 1: IOPRIO_WHO_PROCESS, of one thread
}

}  // namespace

LibraryWatch::LibraryWatch(Options options)
    : options_(std::move(options)), snapshot_(std::make_shared<LibrarySnapshot>()) {
  if (auto watch = FolderWatch::make(); watch.ok()) watch_ = *std::move(watch);
  else if (options_.log) options_.log->write(LogLevel::warning, watch.error().message);
  thread_ = std::thread([this] { run(); });
}

LibraryWatch::~LibraryWatch() {
  stopping_ = true;
  look_again();
  thread_.join();
}

std::shared_ptr<const LibrarySnapshot> LibraryWatch::snapshot() const {
  const std::lock_guard lock(mutex_);
  return snapshot_;
}

void LibraryWatch::look_again() {
  interrupt_ = true;
  if (watch_) watch_->wake();
}

void LibraryWatch::publish(std::vector<LibraryEntry> models, bool complete) {
  auto next = std::make_shared<LibrarySnapshot>();
  next->models = std::move(models);
  next->complete = complete;
  {
    const std::lock_guard lock(mutex_);
    snapshot_ = std::move(next);
  }
  if (options_.on_change) options_.on_change();
}

void LibraryWatch::run() {
  become_unimportant();
  CardCache cards(cards_file(options_.places));
  while (!stopping_) {
    interrupt_ = false;
    Listing listing = find_models(options_.places, cards);
    const size_t unwatched = watch_ ? watch_->watch(listing.folders) : 0;
    const bool all_known = std::ranges::all_of(listing.entries, &LibraryEntry::card_known);
    publish(listing.entries, all_known);
    if (!all_known) {
      read_cards(listing.entries, cards, &interrupt_);
      if (interrupt_) continue;
      publish(listing.entries, true);
    }
    while (options_.fingerprints && !interrupt_ && fingerprint_one(listing.entries, cards)) {
    }
    if (interrupt_) continue;
    if (watch_) watch_->wait(unwatched > 0 ? look_again_milliseconds : -1);
    else for (int slept = 0; slept < look_again_milliseconds && !interrupt_; slept += 100) ::usleep(100000);
  }
}

bool LibraryWatch::fingerprint_one(std::vector<LibraryEntry>& models, CardCache& cards) {
  const auto next = std::ranges::find_if(models, [](const LibraryEntry& entry) {
    return entry.card_known && entry.card.unusable.empty() && entry.card.fingerprint.empty() && !entry.stamp.empty();
  });
  if (next == models.end()) return false;
  const auto opened = open_model(next->path, {.fingerprint_folder = options_.places.cache / "fingerprints",
                                              .fingerprint_threads = 1, .cancel = &interrupt_});
  if (interrupt_) return true;
  if (opened.ok()) next->card.fingerprint = (*opened)->info.fingerprint;
  else next->card.unusable = opened.error().message;
  cards.put(next->path, next->stamp, next->card);
  cards.save();
  publish(models, true);
  return true;
}

}  // namespace fabula::model
