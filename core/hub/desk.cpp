#include "core/hub/desk.h"

#include <algorithm>
#include <utility>

namespace fabula::hub {

namespace {

constexpr size_t most_looks = 32;

Download::State state_of(PullProgress::Phase phase) {
  switch (phase) {
    case PullProgress::Phase::asking: return Download::State::asking;
    case PullProgress::Phase::fetching: return Download::State::fetching;
    case PullProgress::Phase::checking: return Download::State::checking;
    case PullProgress::Phase::finished: return Download::State::finished;
  }
  return Download::State::asking;
}

}  // namespace

Desk::Desk(Options options) : options_(std::move(options)), published_(std::make_shared<DeskSnapshot>()) {
  for (const UnfinishedPull& pull : unfinished_pulls(options_.places))
    state_.downloads.push_back({.name = pull.name, .state = Download::State::paused, .bytes_done = pull.bytes_done, .bytes_total = pull.bytes_total});
  published_ = std::make_shared<DeskSnapshot>(state_);
  fetcher_ = std::thread([this] { fetch_all(); });
  asker_ = std::thread([this] { answer_all(); });
}

Desk::~Desk() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    stop_fetching_ = true;
  }
  woken_.notify_all();
  fetcher_.join();
  asker_.join();
}

std::shared_ptr<const DeskSnapshot> Desk::snapshot() const {
  const std::lock_guard lock(mutex_);
  return published_;
}

template <class Change>
void Desk::change(const Change& change) {
  {
    const std::lock_guard lock(mutex_);
    change();
    published_ = std::make_shared<DeskSnapshot>(state_);
  }
  woken_.notify_all();
  if (options_.on_change) options_.on_change();
}

Download* Desk::find_or_null(const std::string& name) {
  const auto at = std::ranges::find(state_.downloads, name, &Download::name);
  return at == state_.downloads.end() ? nullptr : &*at;
}

void Desk::download(const std::string& name) {
  change([&] {
    Download* known = find_or_null(name);
    if (!known) known = &state_.downloads.emplace_back(Download{.name = name});
    const bool at_rest = known->state == Download::State::paused || known->state == Download::State::failed;
    if (at_rest) known->state = Download::State::waiting;
    known->error.clear();
  });
}

void Desk::pause(const std::string& name) {
  change([&] {
    if (name == fetching_) stop_fetching_ = true;
    Download* known = find_or_null(name);
    if (known && known->state == Download::State::waiting) known->state = Download::State::paused;
  });
}

void Desk::cancel(const std::string& name) {
  change([&] {
    if (name == fetching_) {
      stop_fetching_ = true;
      forget_when_stopped_ = true;
      return;
    }
    std::erase_if(state_.downloads, [&](const Download& d) { return d.name == name; });
    questions_.push_back({Question::Kind::forget, name});
  });
}

void Desk::dismiss(const std::string& name) {
  change([&] {
    std::erase_if(state_.downloads, [&](const Download& d) {
      return d.name == name && (d.state == Download::State::finished || d.state == Download::State::failed);
    });
  });
}

void Desk::search(const std::string& words) {
  change([&] {
    std::erase_if(questions_, [](const Question& q) { return q.kind == Question::Kind::search; });  // only the last counts
    questions_.push_back({Question::Kind::search, words});
    state_.searching = true;
  });
}

void Desk::look(const std::string& repository) {
  change([&] {
    std::erase_if(state_.looks, [&](const Look& look) { return look.repository == repository && (!look.done || !look.error.empty()); });
    if (std::ranges::find(state_.looks, repository, &Look::repository) != state_.looks.end()) return;
    state_.looks.push_back({.repository = repository});
    if (state_.looks.size() > most_looks) state_.looks.erase(state_.looks.begin());
    questions_.push_back({Question::Kind::look, repository});
  });
}

// ---- fetching

void Desk::fetch_all() {
  while (true) {
    std::string name;
    {
      std::unique_lock lock(mutex_);
      const auto next = [&] { return std::ranges::find(state_.downloads, Download::State::waiting, &Download::state); };
      woken_.wait(lock, [&] { return stopping_ || next() != state_.downloads.end(); });
      if (stopping_) return;
      name = fetching_ = next()->name;
      stop_fetching_ = false;
      forget_when_stopped_ = false;
    }
    fetch(name);
  }
}

void Desk::fetch(const std::string& name) {
  PullOptions options;
  options.places = options_.places;
  options.access = access_from_environment(options_.places);
  options.cancel = &stop_fetching_;
  options.on_progress = [this, &name](const PullProgress& progress) {
    change([&] {
      Download* download = find_or_null(name);
      if (!download || progress.phase == PullProgress::Phase::finished) return;
      download->state = state_of(progress.phase);
      if (progress.bytes_total > 0) download->bytes_total = progress.bytes_total;
      download->bytes_done = std::max(progress.bytes_done, progress.phase == PullProgress::Phase::asking ? download->bytes_done : 0);
      download->bytes_per_second = progress.bytes_per_second;
    });
  };
  const auto parsed = parse_pull_name(name);
  const Result<Pulled> pulled = parsed.ok() ? pull(*parsed, options) : Result<Pulled>(parsed.error());
  bool forget = false;
  change([&] {
    fetching_.clear();
    Download* download = find_or_null(name);
    if (!download) return;
    download->bytes_per_second = 0;
    if (pulled.ok()) {
      download->state = Download::State::finished;
      download->bytes_done = download->bytes_total = pulled->bytes;
      download->model = pulled->model;
    } else if (pulled.error().code == ErrorCode::cancelled) {
      forget = forget_when_stopped_;
      download->state = Download::State::paused;
      if (forget) std::erase_if(state_.downloads, [&](const Download& d) { return d.name == name; });
    } else {
      download->state = Download::State::failed;
      download->error = pulled.error().message;
    }
  });
  if (forget) forget_pull(options_.places, name);
}

// ---- asking

void Desk::answer_all() {
  net::HttpClient client;
  while (true) {
    Question question;
    {
      std::unique_lock lock(mutex_);
      woken_.wait(lock, [&] { return stopping_ || !questions_.empty(); });
      if (stopping_) return;
      question = std::move(questions_.front());
      questions_.pop_front();
    }
    switch (question.kind) {
      case Question::Kind::search: answer_search(client, question.text); break;
      case Question::Kind::look: answer_look(client, question.text); break;
      case Question::Kind::forget: forget_pull(options_.places, question.text); break;
    }
  }
}

void Desk::answer_search(net::HttpClient& client, const std::string& words) {
  auto found = hub::search(client, access_from_environment(options_.places), words, 30, &stopping_);
  change([&] {
    const bool newer = std::ranges::any_of(questions_, [](const Question& q) { return q.kind == Question::Kind::search; });
    if (newer) return;
    state_.searching = false;
    state_.words = words;
    state_.search_error = found.ok() ? "" : found.error().message;
    state_.found = found.ok() ? *std::move(found) : std::vector<FoundRepository>();
  });
}

void Desk::answer_look(net::HttpClient& client, const std::string& repository) {
  const auto read = read_repository(client, access_from_environment(options_.places), repository, &stopping_);
  Look look{.repository = repository, .done = true};
  if (read.ok()) {
    look.licence = read->licence;
    look.gated = read->gated;
    look.offers = offers(*read);
    const auto files = choose_files(*read, "");
    if (files.ok())
      for (const RepositoryFile& file : *files) look.folder_bytes += file.bytes;
    else look.error = files.error().message;
  } else {
    look.error = read.error().message;
  }
  change([&] {
    const auto at = std::ranges::find(state_.looks, repository, &Look::repository);
    if (at != state_.looks.end()) *at = std::move(look);
  });
}

}  // namespace fabula::hub
