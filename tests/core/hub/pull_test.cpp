// Pulling against a hub that misbehaves in every way it can (hub_server.py).
#include "core/hub/pull.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "tests/core/hub/hub_support.h"
#include "tests/support/support.h"

using namespace fabula;
namespace fs = std::filesystem;

namespace {

struct Desk {
  test::LoopbackHub server;
  test::TemporaryFolder folder;
  Places places = places_below(folder.path());

  hub::PullOptions options(const std::string& token = "") const {
    return {.places = places, .access = server.access(token), .stall_seconds = 1, .tries = 6};
  }
  Result<hub::Pulled> pull(const std::string& name, const std::string& token = "") const {
    return hub::pull(*hub::parse_pull_name(name), options(token));
  }
  fs::path models() const { return places.models_folder(); }
};

std::string sha256_of(const fs::path& path) {
  Sha256 hash;
  hash.update(test::read_text(path));
  return to_hex(hash.finish());
}

std::map<std::string, std::string> hashes_of(const Desk& desk, const std::string& repository) {
  net::HttpClient client;
  const auto read = hub::read_repository(client, desk.server.access("good-token"), repository);
  REQUIRE(read.ok());
  std::map<std::string, std::string> hashes;
  for (const auto& file : read->files) hashes[file.path] = file.sha256;
  return hashes;
}

// Everything that a list of models could find: no hidden folder.
std::set<std::string> visible(const fs::path& folder) {
  std::set<std::string> files;
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end; ++at) {
    if (at->path().filename().string().starts_with('.')) {
      at.disable_recursion_pending();
      continue;
    }
    if (at->is_regular_file()) files.insert(at->path().lexically_relative(folder).string());
  }
  return files;
}

void require_whole(const Desk& desk, const std::string& file, const std::string& repository = "good/Tiny-GGUF") {
  const auto hashes = hashes_of(desk, repository);
  REQUIRE(sha256_of(desk.models() / repository / file) == hashes.at(file));
}

}  // namespace

TEST_CASE("a GGUF file is fetched, checked and shown; the token does not follow to where the bytes lie") {
  const Desk desk;
  desk.server.behave(Json::object());
  std::vector<hub::PullProgress> told;
  hub::PullOptions options = desk.options("good-token");
  options.on_progress = [&](const hub::PullProgress& progress) { told.push_back(progress); };
  const auto pulled = hub::pull(*hub::parse_pull_name("good/Tiny-GGUF"), options);
  REQUIRE_MESSAGE(pulled.ok(), pulled.error().message);
  CHECK(pulled->model == desk.models() / "good/Tiny-GGUF/tiny-Q4_K_M.gguf");
  CHECK(pulled->bytes == 5 * 1048576 + 123);
  CHECK_FALSE(pulled->was_there);
  require_whole(desk, "tiny-Q4_K_M.gguf");
  CHECK(visible(desk.models()) == std::set<std::string>{"good/Tiny-GGUF/tiny-Q4_K_M.gguf"});
  CHECK(fs::is_empty(desk.models() / ".partial"));
  REQUIRE_FALSE(told.empty());
  CHECK(told.back().phase == hub::PullProgress::Phase::finished);
  for (size_t i = 1; i < told.size(); ++i) CHECK(told[i].bytes_done >= told[i - 1].bytes_done);
  CHECK(told.back().bytes_done == pulled->bytes);
  int redirected = 0;
  for (const Json& request : desk.server.log()) {
    const bool at_hub = request["port"] == desk.server.port;
    const bool harmless = request["path"].get<std::string>().find("hub_server") != std::string::npos;
    if (at_hub && !harmless) CHECK(request["authorization"] == "Bearer good-token");
    if (!at_hub) CHECK(request["authorization"].is_null());
    redirected += !at_hub;
  }
  CHECK(redirected >= 2);  // several connections, each with its range

  desk.server.behave(Json::object());
  const auto again = desk.pull("good/Tiny-GGUF");
  REQUIRE(again.ok());
  CHECK(again->was_there);
  for (const Json& request : desk.server.log()) CHECK(request["port"] == desk.server.port);
}

TEST_CASE("split files and folders come whole, what shows them last") {
  const Desk desk;
  const auto split = desk.pull("good/Tiny-GGUF:bf16");
  REQUIRE_MESSAGE(split.ok(), split.error().message);
  CHECK(split->model == desk.models() / "good/Tiny-GGUF/BF16/tiny-BF16-00001-of-00003.gguf");
  for (const char* part : {"1", "2", "3"}) require_whole(desk, "BF16/tiny-BF16-0000" + std::string(part) + "-of-00003.gguf");
  const auto folder = desk.pull("good/Folder");
  REQUIRE_MESSAGE(folder.ok(), folder.error().message);
  CHECK(folder->model == desk.models() / "good/Folder");
  CHECK(visible(desk.models() / "good/Folder") ==
        std::set<std::string>{"config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
                              "model.safetensors.index.json", "tokenizer.json", "tokenizer_config.json"});
  require_whole(desk, "model-00001-of-00002.safetensors", "good/Folder");
  require_whole(desk, "tokenizer.json", "good/Folder");
  CHECK(test::read_text(desk.models() / "good/Folder/config.json") == "{\"model_type\": \"llama\"}");
  CHECK(desk.pull("good/Folder")->was_there);
}

TEST_CASE("cut, stalled, overloaded and forgetful servers: it goes on where it was") {
  const Desk desk;
  const std::vector<Json> troubles{
      {{"cuts", 6}, {"cut_after", 300000}},
      {{"stalls", 2}, {"stall_after", 200000}},
      {{"status_429", 2}},
      {{"status_500", 3}},
      {{"no_ranges", true}},
      {{"no_ranges", true}, {"cuts", 3}, {"cut_after", 2500000}},
      {{"wrong_bytes", 1}},
  };
  for (const Json& trouble : troubles) {
    CAPTURE(trouble.dump());
    desk.server.behave(trouble);
    const auto pulled = desk.pull("good/Tiny-GGUF:Q8_0");
    REQUIRE_MESSAGE(pulled.ok(), pulled.error().message);
    require_whole(desk, "tiny-Q8_0.gguf");
    fs::remove_all(desk.models());
  }
}

TEST_CASE("what cannot end well ends with the reason, and shows nothing") {
  const Desk desk;
  const auto fails = [&](const Json& trouble, const std::string& name, const std::string& token = "") {
    CAPTURE(trouble.dump());
    desk.server.behave(trouble);
    const auto pulled = desk.pull(name, token);
    REQUIRE_FALSE(pulled.ok());
    CHECK(visible(desk.models()).empty());
    return pulled.error();
  };
  const Json calm = Json::object();
  CHECK(fails({{"wrong_bytes", 1000}}, "good/Tiny-GGUF").message.find("is not what the hub promised") != std::string::npos);
  CHECK(fails({{"short_file", 1000}}, "good/Tiny-GGUF:Q8_0").code == ErrorCode::corrupt);
  CHECK(fails({{"claimed_bytes", 4000}}, "good/Tiny-GGUF").code == ErrorCode::corrupt);
  CHECK(fails({{"status_404", 1000}}, "good/Tiny-GGUF").code == ErrorCode::not_found);
  CHECK(fails({{"status_416", 1000}}, "good/Tiny-GGUF:Q8_0").code == ErrorCode::corrupt);
  CHECK(fails({{"status_403", 1000}}, "good/Tiny-GGUF:Q8_0").code == ErrorCode::unsupported);
  const Error gated = fails(calm, "gated/Model");
  CHECK(gated.message.find("accepted its conditions") != std::string::npos);
  CHECK(gated.message.find("/gated/Model") != std::string::npos);
  CHECK(gated.message.find("models login") != std::string::npos);
  CHECK(fails(calm, "gated/Model", "other-token").message.find("another account") != std::string::npos);
  const Error too_large = fails({{"claimed_bytes", uint64_t{1} << 60}}, "good/Tiny-GGUF");
  CHECK(too_large.code == ErrorCode::io);
  CHECK(too_large.message.find("are free below") != std::string::npos);
  CHECK(fails(calm, "good/Tiny-GGUF:Q2_K").message.find("Q4_K_M") != std::string::npos);
  REQUIRE(desk.pull("gated/Model", "good-token").ok());
  REQUIRE(desk.pull("evil/Names-GGUF").ok());
  CHECK(visible(desk.folder.path()) ==
        std::set<std::string>{"data/models/gated/Model/m-Q8_0.gguf", "data/models/evil/Names-GGUF/ok.gguf"});
}

TEST_CASE("stopping keeps what came; going on fetches only the rest; forgetting leaves nothing") {
  const Desk desk;
  desk.server.behave({{"bytes_per_second", 4 << 20}});
  std::atomic<bool> cancel{false};
  hub::PullOptions options = desk.options();
  options.cancel = &cancel;
  options.on_progress = [&](const hub::PullProgress& progress) { cancel = cancel || progress.bytes_done > (5 << 20); };
  const auto stopped = hub::pull(*hub::parse_pull_name("good/Tiny-GGUF:Q8_0"), options);
  REQUIRE_FALSE(stopped.ok());
  CHECK(stopped.error().code == ErrorCode::cancelled);
  CHECK(visible(desk.models()).empty());
  const auto unfinished = hub::unfinished_pulls(desk.places);
  REQUIRE(unfinished.size() == 1);
  CHECK(unfinished[0].name == "good/Tiny-GGUF:Q8_0");
  CHECK(unfinished[0].bytes_total == 9 << 20);
  CHECK(unfinished[0].bytes_done > 0);
  CHECK(unfinished[0].bytes_done < 9 << 20);

  desk.server.behave(Json::object());
  REQUIRE(desk.pull("good/Tiny-GGUF:Q8_0").ok());
  uint64_t asked = 0;
  for (const Json& request : desk.server.log()) {
    if (request["range"].is_null() || request["port"] != desk.server.files_port) continue;
    unsigned long first = 0, last = 0;
    if (std::sscanf(request["range"].get<std::string>().c_str(), "bytes=%lu-%lu", &first, &last) == 2) asked += last - first + 1;
  }
  CHECK(asked == unfinished[0].bytes_total - unfinished[0].bytes_done);
  require_whole(desk, "tiny-Q8_0.gguf");
  CHECK(hub::unfinished_pulls(desk.places).empty());

  cancel = false;
  desk.server.behave({{"bytes_per_second", 4 << 20}});
  options.on_progress = [&](const hub::PullProgress& progress) { cancel = cancel || progress.bytes_done > (2 << 20); };
  REQUIRE_FALSE(hub::pull(*hub::parse_pull_name("good/Tiny-GGUF"), options).ok());
  hub::forget_pull(desk.places, "good/Tiny-GGUF");
  CHECK(hub::unfinished_pulls(desk.places).empty());
  CHECK(fs::is_empty(desk.models() / ".partial"));
}

TEST_CASE("two at once do not fetch into one file") {
  const Desk desk;
  desk.server.behave({{"bytes_per_second", 8 << 20}});
  std::optional<Result<hub::Pulled>> first, second;
  {
    std::jthread other([&] { first = desk.pull("good/Tiny-GGUF:Q8_0"); });
    second = desk.pull("good/Tiny-GGUF:Q8_0");
  }
  CHECK((first->ok() || second->ok()));
  for (const auto* result : {&*first, &*second})
    if (!result->ok()) CHECK(result->error().code == ErrorCode::busy);
  require_whole(desk, "tiny-Q8_0.gguf");
}

TEST_CASE("a full disk stops it with the system's words; with room again it goes on") {
  const Desk desk;
  // A limit on file sizes is the full disk that needs no disk of its own.
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{3 << 20, 3 << 20};
    setrlimit(RLIMIT_FSIZE, &limit);
    const auto pulled = desk.pull("good/Tiny-GGUF:Q8_0");
    const bool told = !pulled.ok() && pulled.error().code == ErrorCode::io && pulled.error().message.find("cannot write") != std::string::npos;
    _exit(told ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(visible(desk.models()).empty());
  REQUIRE(desk.pull("good/Tiny-GGUF:Q8_0").ok());
  require_whole(desk, "tiny-Q8_0.gguf");
}

TEST_CASE("killed at random moments it always completes, and never shows a part as a model") {
  const Desk desk;
  const int kills = std::getenv("FABULA_FULL") ? 100 : 12;
  const auto hashes = hashes_of(desk, "good/Tiny-GGUF");
  const std::string file = "tiny-Q8_0.gguf";
  std::mt19937_64 random(test::seed());
  desk.server.behave({{"bytes_per_second", 6 << 20}});  // of each connection: 9 MiB in half a second
  int completed = 0, killed = 0;
  while (killed < kills) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) _exit(desk.pull("good/Tiny-GGUF:Q8_0").ok() ? 0 : 1);
    std::this_thread::sleep_for(std::chrono::microseconds(std::uniform_int_distribution<int>(0, 600000)(random)));
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    const bool was_killed = WIFSIGNALED(status);
    killed += was_killed;
    CHECK((was_killed || WEXITSTATUS(status) == 0));
    for (const std::string& shown : visible(desk.models())) {
      REQUIRE(shown == "good/Tiny-GGUF/" + file);
      REQUIRE(sha256_of(desk.models() / shown) == hashes.at(file));
    }
    if (killed % 4 != 0 && was_killed) continue;  // the next one goes on where this one was
    const auto finished = desk.pull("good/Tiny-GGUF:Q8_0");
    REQUIRE_MESSAGE(finished.ok(), finished.error().message);
    require_whole(desk, file);
    CHECK(fs::is_empty(desk.models() / ".partial"));
    fs::remove_all(desk.models());
    ++completed;
  }
  MESSAGE(killed << " kills, " << completed << " times completed");
}

TEST_CASE("what killed processes leave is cleared away by the next one that ends well") {
  const Desk desk;
  const std::string file = "tiny-Q8_0.gguf", hash = hashes_of(desk, "good/Tiny-GGUF").at(file);
  const fs::path shown = desk.models() / "good/Tiny-GGUF" / file, partial = desk.models() / ".partial";
  REQUIRE(desk.pull("good/Tiny-GGUF:Q8_0").ok());
  // Killed behind the check of the whole file, and while the record and the receipt were written.
  Sha256 name;
  name.update("good/Tiny-GGUF:Q8_0");
  const std::string record = to_hex(name.finish()).substr(0, 32) + ".pull";
  fs::rename(shown, partial / (hash + ".whole"));
  for (const fs::path& left : {partial / (hash + ".map"), partial / (record + ".aB3dE6"), shown.parent_path() / ".fabula.json.Zz0Zz0"}) std::ofstream(left) << "x";
  const fs::path other = partial / (record + ".other.x");
  std::ofstream(other) << "x";
  REQUIRE(desk.pull("good/Tiny-GGUF:Q8_0").ok());
  require_whole(desk, file);
  CHECK(fs::exists(other));
  fs::remove(other);
  CHECK(fs::is_empty(partial));
  CHECK_FALSE(fs::exists(shown.parent_path() / ".fabula.json.Zz0Zz0"));
}

TEST_CASE("removing: what Fabula fetched, nothing else") {
  const Desk desk;
  REQUIRE(desk.pull("good/Tiny-GGUF").ok());
  REQUIRE(desk.pull("good/Tiny-GGUF:BF16").ok());
  REQUIRE(desk.pull("good/Folder").ok());
  const fs::path tiny = desk.models() / "good/Tiny-GGUF", own = desk.models() / "own.gguf", elsewhere = desk.folder.path() / "other/x.gguf";
  fs::create_directories(elsewhere.parent_path());
  std::ofstream(own) << "GGUF";
  std::ofstream(elsewhere) << "GGUF";
  fs::create_symlink(elsewhere.parent_path(), desk.models() / "link");

  CHECK(hub::remove_model_files(desk.places, elsewhere, {elsewhere}, true).error().code == ErrorCode::invalid_argument);
  CHECK_FALSE(hub::remove_model_files(desk.places, desk.models() / "link/x.gguf", {desk.models() / "link/x.gguf"}, true).ok());
  CHECK(fs::exists(elsewhere));
  CHECK(hub::remove_model_files(desk.places, own, {own}, false).error().message.find("--force") != std::string::npos);
  CHECK(fs::exists(own));
  REQUIRE(hub::remove_model_files(desk.places, own, {own}, true).ok());
  CHECK_FALSE(fs::exists(own));

  Places shipping = desk.places;
  shipping.shipped_models = elsewhere.parent_path();
  CHECK(hub::remove_model_files(shipping, elsewhere, {elsewhere}, true).error().message.find("came with Fabula") != std::string::npos);
  CHECK(fs::exists(elsewhere));

  REQUIRE(hub::remove_model_files(desk.places, tiny / "tiny-Q4_K_M.gguf", {tiny / "tiny-Q4_K_M.gguf"}, false).ok());
  CHECK_FALSE(fs::exists(tiny / "tiny-Q4_K_M.gguf"));
  CHECK(fs::exists(tiny / "BF16/tiny-BF16-00001-of-00003.gguf"));
  std::vector<fs::path> parts;
  for (const char* part : {"1", "2", "3"}) parts.push_back(tiny / ("BF16/tiny-BF16-0000" + std::string(part) + "-of-00003.gguf"));
  REQUIRE(hub::remove_model_files(desk.places, parts[0], parts, false).ok());
  CHECK_FALSE(fs::exists(tiny));
  const fs::path folder = desk.models() / "good/Folder";
  REQUIRE(hub::remove_model_files(desk.places, folder,
                                  {folder / "model-00001-of-00002.safetensors", folder / "model-00002-of-00002.safetensors"}, false).ok());
  CHECK_FALSE(fs::exists(desk.models() / "good"));
}
