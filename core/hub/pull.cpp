#include "core/hub/pull.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <system_error>
#include <utility>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/leftovers.h"
#include "core/hub/file_download.h"
#include "core/hub/pull_records.h"

namespace fabula::hub {

namespace fs = std::filesystem;

namespace {

constexpr uint64_t spare_bytes = uint64_t{64} << 20;       // what stays free on the disk
constexpr uint64_t max_small_bytes = uint64_t{64} << 20;   // of a file that the hub keeps without a hash

// A file that is fetched and checked waits here for its name.
fs::path checked_file(const Places& places, const RepositoryFile& file) { return partial_folder(places) / (file.sha256 + ".whole"); }

bool has_size(const fs::path& path, uint64_t bytes) {
  std::error_code error;
  return fs::is_regular_file(path, error) && fs::file_size(path, error) == bytes && !error;
}

std::string gigabytes(uint64_t bytes) {
  const uint64_t tenths = (bytes + 50000000) / 100000000;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " GB";
}

// Tells of progress at most ten times a second, from whichever thread has news.
class Reporter {
 public:
  explicit Reporter(const PullOptions& options) : options_(options) {}

  void begin(uint64_t total) { change([&] { now_.bytes_total = total; }); }
  void phase(PullProgress::Phase phase) { change([&] { now_.phase = phase; }); }
  void file(const std::string& path, uint64_t before) {
    change([&] {
      now_.file = path;
      now_.phase = PullProgress::Phase::fetching;
      before_ = before;
      now_.bytes_done = before;
      marks_.clear();  // what was there already was not fetched just now
    });
  }
  void bytes_of_file(uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    now_.bytes_done = before_ + bytes;
    const double time = monotonic_seconds();
    if (time - told_ < 0.1) return;
    marks_.push_back({time, now_.bytes_done});
    while (marks_.size() > 2 && time - marks_.front().time > 5) marks_.pop_front();
    const double seconds = time - marks_.front().time;
    const uint64_t gained = now_.bytes_done - std::min(now_.bytes_done, marks_.front().bytes);
    now_.bytes_per_second = seconds > 0 ? static_cast<double>(gained) / seconds : 0;
    tell(time);
  }

 private:
  struct Mark {
    double time;
    uint64_t bytes;
  };
  template <class Body>
  void change(const Body& body) {
    const std::lock_guard lock(mutex_);
    body();
    tell(monotonic_seconds());
  }
  void tell(double time) {
    told_ = time;
    if (options_.on_progress) options_.on_progress(now_);
  }

  const PullOptions& options_;
  std::mutex mutex_;
  PullProgress now_;
  uint64_t before_ = 0;
  double told_ = 0;
  std::deque<Mark> marks_;
};

class Pull {
 public:
  Pull(PullName name, const PullOptions& options) : name_(std::move(name)), options_(options), reporter_(options) {}
  Result<Pulled> run();

 private:
  Status plan();
  Status check_room() const;
  FileDownload download_of(const RepositoryFile& file);
  Status fetch_large();
  Status fetch_small();
  Status put_in_place();
  fs::path place_of(const RepositoryFile& file) const { return folder_ / file.path; }
  fs::path model_path() const { return files_.back().path == "config.json" ? folder_ : place_of(files_.back()); }

  const PullName name_;
  const PullOptions& options_;
  Reporter reporter_;
  net::HttpClient client_;
  Repository repository_;
  std::vector<RepositoryFile> files_;          // the one that makes the model visible is the last
  std::vector<RepositoryFile> missing_;        // of them, in the same order
  std::map<std::string, std::string> small_;   // path -> content
  fs::path folder_;
  uint64_t total_ = 0;
};

Status Pull::plan() {
  FABULA_ASSIGN(repository_, read_repository(client_, options_.access, name_.repository, options_.cancel));
  FABULA_ASSIGN(files_, choose_files(repository_, name_.selector));
  folder_ = options_.places.models_folder() / fs::path(repository_.id);
  const Receipt receipt = read_receipt(folder_);
  for (const RepositoryFile& file : files_) {
    total_ += file.bytes;
    const auto known = std::ranges::find(receipt.files, file.path, &RepositoryFile::path);
    // A small file has no hash: the revision tells whether it is the same.
    const bool same = known != receipt.files.end() && known->bytes == file.bytes &&
                      (file.sha256.empty() ? receipt.revision == repository_.revision : known->sha256 == file.sha256);
    if (!same || !has_size(place_of(file), file.bytes)) missing_.push_back(file);
  }
  return {};
}

Status Pull::check_room() const {
  uint64_t wanted = 0;
  for (const RepositoryFile& file : missing_) {
    if (!file.sha256.empty() && has_size(checked_file(options_.places, file), file.bytes)) continue;
    FileDownload there{.bytes = file.bytes, .sha256 = file.sha256, .folder = partial_folder(options_.places)};
    wanted += file.bytes - (file.sha256.empty() ? 0 : bytes_there(there));
  }
  struct statvfs info {};
  if (wanted == 0 || ::statvfs(partial_folder(options_.places).c_str(), &info) != 0) return {};
  const uint64_t available = static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
  if (wanted + spare_bytes <= available) return {};
  return Error{ErrorCode::io, name_.text() + " needs " + gigabytes(wanted) + " more on the disk, but " + gigabytes(available) +
                                  " are free below " + options_.places.models_folder().string()};
}

FileDownload Pull::download_of(const RepositoryFile& file) {
  FileDownload download;
  download.url = file_url(options_.access, repository_, file);
  download.bearer_token = options_.access.token;
  download.what = repository_.id + ": " + file.path;
  download.bytes = file.bytes;
  download.sha256 = file.sha256;
  download.folder = partial_folder(options_.places);
  download.destination = checked_file(options_.places, file);
  download.connections = options_.connections;
  download.stall_seconds = options_.stall_seconds;
  download.tries = options_.tries;
  download.cancel = options_.cancel;
  download.refusal = [this, what = download.what](const net::HttpHead& head) {
    return refusal(options_.access, head, repository_.id, what);
  };
  download.on_progress = [this](uint64_t bytes) { reporter_.bytes_of_file(bytes); };
  download.on_verify = [this] { reporter_.phase(PullProgress::Phase::checking); };
  return download;
}

Status Pull::fetch_large() {
  uint64_t before = total_;
  for (const RepositoryFile& file : missing_) before -= file.bytes;
  for (const RepositoryFile& file : missing_) {
    if (!file.sha256.empty()) {
      reporter_.file(file.path, before);
      FABULA_TRY(download_file(download_of(file)));
    }
    before += file.bytes;
  }
  return {};
}

Status Pull::fetch_small() {
  for (const RepositoryFile& file : missing_) {
    if (!file.sha256.empty()) continue;
    const std::string what = repository_.id + ": " + file.path;
    if (file.bytes > max_small_bytes) return Error{ErrorCode::corrupt, what + " has no hash, but " + gigabytes(file.bytes)};
    net::HttpRequest request;
    request.url = file_url(options_.access, repository_, file);
    request.bearer_token = options_.access.token;
    request.timeouts.stall_seconds = options_.stall_seconds;
    request.cancel = options_.cancel;
    auto reply = client_.fetch(request, max_small_bytes);
    for (int failed = 1; failed < options_.tries && !reply.ok() && net::worth_retrying(reply.error()); ++failed) reply = client_.fetch(request, max_small_bytes);
    if (!reply.ok()) return reply.error();
    if (!reply->head.ok()) return refusal(options_.access, reply->head, repository_.id, what);
    if (reply->body.size() != file.bytes)
      return Error{ErrorCode::corrupt, what + " has " + std::to_string(reply->body.size()) + " bytes there; the hub said " + std::to_string(file.bytes)};
    small_[file.path] = std::move(reply->body);
  }
  return {};
}

// The receipt before the files: what stands in it and not on the disk is fetched again, what stands on the disk and not
// in it would be taken for the user's own. The file that shows the model comes last.
Status Pull::put_in_place() {
  FABULA_TRY(fabula::create_directories(folder_));
  remove_leftovers(folder_ / receipt_name);
  FABULA_TRY(add_to_receipt(folder_, {repository_.id, repository_.revision, repository_.licence, files_}));
  for (const RepositoryFile& file : missing_) {
    const fs::path place = place_of(file);
    FABULA_TRY(fabula::create_directories(place.parent_path()));
    if (file.sha256.empty()) {
      remove_leftovers(place);
      FABULA_TRY(write_file_atomically(place, small_[file.path]));
      continue;
    }
    std::error_code error;
    fs::rename(checked_file(options_.places, file), place, error);
    if (error) return io_error("rename", checked_file(options_.places, file), error.value());
  }
  return {};
}

Result<Pulled> Pull::run() {
  reporter_.phase(PullProgress::Phase::asking);
  FABULA_TRY(plan());
  const bool nothing_to_do = missing_.empty();
  reporter_.begin(total_);
  if (!nothing_to_do) {
    FABULA_TRY(write_record(options_.places, {name_.text(), missing_}));
    FABULA_TRY(check_room());
    FABULA_TRY(fetch_large());
    FABULA_TRY(fetch_small());
    if (options_.cancel && options_.cancel->load()) return Error{ErrorCode::cancelled, "stopped"};
    FABULA_TRY(put_in_place());
  }
  remove_record(options_.places, name_.text());
  reporter_.phase(PullProgress::Phase::finished);
  return Pulled{model_path(), total_, nothing_to_do};
}

bool lies_in(const fs::path& path, const fs::path& folder) {
  std::error_code error;
  const fs::path relative = fs::weakly_canonical(path, error).lexically_relative(fs::weakly_canonical(folder, error));
  return !error && !relative.empty() && relative != "." && *relative.begin() != "..";
}

// The folder of org/name that a file lies in.
fs::path repository_folder(const Places& places, const fs::path& path) {
  std::error_code error;
  const fs::path root = fs::weakly_canonical(places.models_folder(), error);
  const fs::path relative = fs::weakly_canonical(path, error).lexically_relative(root);
  auto part = relative.begin();
  fs::path folder = root;
  for (int i = 0; i < 2 && part != relative.end(); ++i) folder /= *part++;
  return folder;
}

void remove_empty_folders(fs::path folder, const fs::path& root) {
  std::error_code error;
  while (lies_in(folder, root) && fs::is_empty(folder, error) && !error && fs::remove(folder, error)) folder = folder.parent_path();
}

}  // namespace

Result<Pulled> pull(const PullName& name, const PullOptions& options) { return Pull(name, options).run(); }

std::vector<UnfinishedPull> unfinished_pulls(const Places& places) {
  std::vector<UnfinishedPull> out;
  for (const PullRecord& record : read_records(places)) {
    UnfinishedPull pull{.name = record.name};
    for (const RepositoryFile& file : record.files) {
      pull.bytes_total += file.bytes;
      if (file.sha256.empty()) continue;
      const FileDownload there{.bytes = file.bytes, .sha256 = file.sha256, .folder = partial_folder(places)};
      pull.bytes_done += has_size(checked_file(places, file), file.bytes) ? file.bytes : bytes_there(there);
    }
    out.push_back(std::move(pull));
  }
  return out;
}

void forget_pull(const Places& places, const std::string& name) {
  for (const PullRecord& record : read_records(places)) {
    if (record.name != name) continue;
    for (const RepositoryFile& file : record.files) {
      if (file.sha256.empty()) continue;
      std::error_code ignored;
      forget_download({.bytes = file.bytes, .sha256 = file.sha256, .folder = partial_folder(places)});
      fs::remove(checked_file(places, file), ignored);
    }
  }
  remove_record(places, name);
}

Status remove_model_files(const Places& places, const fs::path& model, const std::vector<fs::path>& weight_files, bool force) {
  const fs::path root = places.models_folder();
  if (!places.shipped_models.empty() && lies_in(model, places.shipped_models))
    return Error{ErrorCode::invalid_argument, model.stem().string() + " came with Fabula and stays with it; another model can be chosen at any time"};
  if (!lies_in(model, root))
    return Error{ErrorCode::invalid_argument, model.string() + " does not lie in Fabula's folder: it belongs to you or to another program, "
                                                               "and is removed there"};
  const fs::path folder = repository_folder(places, model);
  Receipt receipt = read_receipt(folder);
  const auto path_in_receipt = [&](const fs::path& file) {
    std::error_code error;
    return fs::weakly_canonical(file.parent_path(), error).lexically_relative(folder) / file.filename();
  };
  const auto is_listed = [&](const fs::path& file) {
    const std::string path = path_in_receipt(file).lexically_normal().string();
    return std::ranges::find(receipt.files, path, &RepositoryFile::path) != receipt.files.end();
  };
  std::error_code error;
  std::vector<fs::path> doomed = weight_files;
  if (fs::is_directory(model, error))  // a Hugging Face folder goes with everything that came with it
    for (const RepositoryFile& file : receipt.files)
      if (!file.path.ends_with(".gguf")) doomed.push_back(folder / file.path);
  for (const fs::path& file : doomed)
    if (!force && !is_listed(file))
      return Error{ErrorCode::invalid_argument, file.string() + " was not fetched by Fabula; --force removes it all the same"};
  for (const fs::path& file : doomed) {
    if (!lies_in(file.parent_path() / ".", root) && fs::weakly_canonical(file.parent_path(), error) != fs::weakly_canonical(root, error)) continue;
    fs::remove(file, error);
    if (error) return io_error("remove", file, error.value());
    const std::string path = path_in_receipt(file).lexically_normal().string();
    std::erase_if(receipt.files, [&](const RepositoryFile& listed) { return listed.path == path; });
  }
  if (fs::is_directory(folder, error)) FABULA_TRY(write_receipt(folder, receipt));
  for (const fs::path& file : doomed) remove_empty_folders(file.parent_path(), root);
  return {};
}

}  // namespace fabula::hub
