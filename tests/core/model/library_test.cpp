#include "core/model/library.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "core/base/clock.h"
#include "core/model/library_watch.h"
#include "core/model/model.h"
#include "tests/core/model/tiny_gguf.h"
#include "tests/support/support.h"

using namespace fabula;
namespace fs = std::filesystem;

namespace {

void write(const fs::path& path, std::string_view text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

void write_model(const fs::path& path, const test::TinyGguf& model = {}) {
  fs::create_directories(path.parent_path());
  test::write_tiny_gguf(path, model);
}

// A home of its own, with every variable that names a store pointing into it or unset.
struct Home {
  test::TemporaryFolder folder;
  Places places = places_below(folder.path() / "fabula");
  Home() {
    for (const char* name : {"HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME", "OLLAMA_MODELS"}) ::unsetenv(name);
    ::setenv("HOME", folder.path().c_str(), 1);
  }
  fs::path operator/(const char* rest) const { return folder.path() / rest; }
};

const model::LibraryEntry& entry(const std::vector<model::LibraryEntry>& entries, const std::string& name) {
  const auto at = std::ranges::find(entries, name, &model::LibraryEntry::name);
  REQUIRE_MESSAGE(at != entries.end(), name);
  return *at;
}

// Ollama's store: a blob by its digest, a manifest that names it.
void write_ollama(const fs::path& store, const std::string& tag_path, const std::string& digest, const std::string& licence) {
  const std::string text(64, 'd');
  write(store / "blobs" / ("sha256-" + text), licence);
  write(store / "manifests" / tag_path,
        R"({"schemaVersion":2,"layers":[{"mediaType":"application/vnd.ollama.image.template","digest":"sha256:)" + std::string(64, 'e') +
            R"("},{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:)" + digest +
            R"("},{"mediaType":"application/vnd.ollama.image.license","digest":"sha256:)" + text + R"("}]})");
}

}  // namespace

TEST_CASE("what came with Fabula is listed under its own short name") {
  Home home;
  home.places.shipped_models = home / "prefix/share/fabula/models";
  write_model(home.places.shipped_models / "teller.gguf");
  write_model(home.places.models_folder() / "other.gguf");
  const auto entries = model::list_models(home.places);
  REQUIRE(entries.size() == 2);
  CHECK(entry(entries, "teller").found_in == model::built_in);
  CHECK(entry(entries, "other").found_in == "Fabula");
  CHECK(*model::find_model(home.places, "teller") == home.places.shipped_models / "teller.gguf");
}

TEST_CASE("models are found where every program keeps them, and told apart") {
  const Home home;
  write_model(home.places.models_folder() / "org/Tiny-GGUF/tiny-Q8_0.gguf", {.chat_template = "{{ messages }}"});
  const fs::path hub = home / ".cache/huggingface/hub/models--some--Small-Model";
  write_model(hub / "blobs/aaaa", {.name = "b", .repository = "elsewhere/entirely"});
  fs::create_directories(hub / "snapshots/rev1");
  fs::create_directories(hub / "snapshots/rev2");
  fs::create_symlink("../../blobs/aaaa", hub / "snapshots/rev1/small.gguf");
  fs::create_symlink("../../blobs/bbbb", hub / "snapshots/rev2/small.gguf");  // an older revision, its blob gone
  write(hub / "refs/main", "rev1");
  write_model(home / ".lmstudio/models/pub/Repo/tiny-Q8_0.gguf", {.name = "other", .value = 1});
  const std::string digest(64, 'a');
  write_model(home / ".ollama/models/blobs" / ("sha256-" + digest), {.name = "c", .licence = ""});
  write_ollama(home / ".ollama/models", "registry.ollama.ai/library/small/1b", digest, "  \nMIT License\n\nCopyright");
  write_ollama(home / ".ollama/models", "registry.ollama.ai/library/small/latest", digest, "MIT License");
  write_ollama(home / ".ollama/models", "registry.ollama.ai/me/gone/latest", std::string(64, 'f'), "MIT License");
  write(home.places.settings_file(), "{\"model_folders\": [\"" + (home / "mine").string() + "\", \"relative\", 3]}");
  write_model(home / "mine/deep/er/own.gguf", {.licence = "", .file_type = 15});
  fs::create_symlink(home / "mine", home / "mine/deep/loop");
  write(home / "mine/.hidden/no.gguf", "x");

  const auto entries = model::list_models(home.places);
  std::string names;
  for (const auto& e : entries) names += e.name + " | ";
  CAPTURE(names);
  REQUIRE(entries.size() == 6);
  const auto& own = entry(entries, "own");
  CHECK(own.found_in == "mine");
  CHECK(own.card.unusable == "");
  CHECK(own.card.type == "Q8_0");  // it calls itself Q4_K_M, its tensors are not
  const auto& fetched = entry(entries, "tiny-Q8_0");
  CHECK(fetched.found_in == "Fabula");
  CHECK(fetched.source == "org/Tiny-GGUF");
  CHECK(fetched.card.chats);
  CHECK(fetched.card.licence == "apache-2.0");
  CHECK(fetched.card.context_length == 2048);
  CHECK(fetched.card.parameters == 16 * 32 + 3 * 32 * 64 + 4 * 32 * 32 + 3 * 32);
  CHECK(fetched.bytes == fs::file_size(fetched.path));
  CHECK(entry(entries, "small").source == "some/Small-Model");
  CHECK(entry(entries, "small").found_in == "Hugging Face");
  CHECK(entry(entries, "tiny-Q8_0@lmstudio").source == "pub/Repo");
  const auto& ollama = entry(entries, "small:1b");
  CHECK(ollama.other_names == std::vector<std::string>{"small"});
  CHECK(ollama.card.licence == "MIT License");
  CHECK(model::model_name(ollama.path) == "small:1b");
  CHECK(entry(entries, "me/gone").card.unusable.find("No such file") != std::string::npos);

  for (const auto& e : entries) {
    CAPTURE(e.name);
    CHECK(*model::find_model(home.places, e.name) == e.path);
  }
  CHECK(*model::find_model(home.places, "pub/Repo") == entry(entries, "tiny-Q8_0@lmstudio").path);
  CHECK(*model::find_model(home.places, own.path.string()) == own.path);
  const auto missing = model::find_model(home.places, "nothing");
  REQUIRE_FALSE(missing.ok());
  CHECK(missing.error().message.find("small:1b") != std::string::npos);
}

TEST_CASE("the variables of other programs are followed") {
  const Home home;
  write_model(home / "a/hub/models--o--n/snapshots/r/x.gguf");
  ::setenv("HF_HOME", (home / "a").c_str(), 1);
  CHECK(model::list_models(home.places).size() == 1);
  ::setenv("HF_HUB_CACHE", (home / "nowhere").c_str(), 1);
  CHECK(model::list_models(home.places).empty());
  ::setenv("HF_HUB_CACHE", "", 1);
  CHECK(model::list_models(home.places).size() == 1);
  ::unsetenv("HF_HOME");
  ::unsetenv("HF_HUB_CACHE");
  write_model(home / "ollama/blobs" / ("sha256-" + std::string(64, 'a')));
  write_ollama(home / "ollama", "host.example/me/m/v", std::string(64, 'a'), "x");
  ::setenv("OLLAMA_MODELS", (home / "ollama").c_str(), 1);
  CHECK(entry(model::list_models(home.places), "host.example/me/m:v").card.unusable == "");
  ::unsetenv("OLLAMA_MODELS");
}

TEST_CASE("an unusable model says which tensor or which field") {
  const Home home;
  const fs::path models = home.places.models_folder();
  write_model(models / "no-down.gguf", {.without_down = true});
  write_model(models / "strange.gguf", {.architecture = "strangeformer"});
  write_model(models / "heads.gguf", {.hidden = 96});
  write(models / "cut.gguf", "GGUF");
  write(models / "text.gguf", "Once upon a time");
  write(models / "bin/config.json", R"({"model_type":"llama"})");
  write(models / "bin/pytorch_model.bin", "x");
  write_model(models / "part-00001-of-00002.gguf");
  const auto entries = model::list_models(home.places);
  CHECK(entry(entries, "no-down").card.unusable.find("blk.0.ffn_down.weight") != std::string::npos);
  CHECK(entry(entries, "strange").card.unusable.find("strangeformer") != std::string::npos);
  CHECK(entry(entries, "cut").card.unusable != "");
  CHECK(entry(entries, "text").card.unusable.find("Once upon") != std::string::npos);
  CHECK(entry(entries, "bin").card.unusable != "");
  CHECK(entry(entries, "part").card.unusable != "");
  for (const auto& e : entries) CHECK(e.card.unusable.find(e.path.string() + ":") == std::string::npos);
}

TEST_CASE("cards are remembered, and read again when the file, or what Fabula knows, changed") {
  const Home home;
  const fs::path path = home.places.models_folder() / "m.gguf";
  write_model(path);
  CHECK(model::list_models(home.places, {.read_new = false})[0].card_known == false);
  CHECK(model::list_models(home.places)[0].card.licence == "apache-2.0");
  // What stands in the cache is what is shown: so it is the cache that was asked.
  std::string kept = test::read_text(model::cards_file(home.places));
  kept.replace(kept.find("apache-2.0"), 10, "remembered");
  write(model::cards_file(home.places), kept);
  CHECK(model::list_models(home.places)[0].card.licence == "remembered");
  write_model(path, {.licence = "mit"});
  CHECK(model::list_models(home.places)[0].card.licence == "mit");
  for (const char* broken : {"", "{", "[]", "{\"version\":1,\"cards\":{}}"}) {
    write(model::cards_file(home.places), broken);
    CHECK(model::list_models(home.places)[0].card.licence == "mit");
  }
  fs::remove(path);
  CHECK(model::list_models(home.places).empty());
}

TEST_CASE("the last use is remembered") {
  const Home home;
  const fs::path path = home.places.models_folder() / "m.gguf";
  write_model(path);
  CHECK(model::list_models(home.places)[0].last_used == 0);
  model::remember_use(home.places, path);
  CHECK(std::abs(model::list_models(home.places)[0].last_used - unix_milliseconds()) < 60000);
}

TEST_CASE("a store of 500 models") {
  const Home home;
  for (int i = 0; i < 500; ++i) {
    std::ostringstream path;
    path << "org" << i % 20 << "/m" << i << "/model-" << i << ".gguf";
    write_model(home.places.models_folder() / path.str());
  }
  const auto timed = [&] {
    const double begin = monotonic_seconds();
    const auto entries = model::list_models(home.places);
    CHECK(entries.size() == 500);
    CHECK(std::ranges::all_of(entries, [](const auto& e) { return e.card_known && e.card.unusable.empty(); }));
    return (monotonic_seconds() - begin) * 1000;
  };
  const double cold = timed();
  double warm = timed();
  for (int i = 0; i < 4; ++i) warm = std::min(warm, timed());
  MESSAGE("500 models: " << cold << " ms cold, " << warm << " ms warm");
}

TEST_CASE("the watched library tells of new, changed and vanished models, and computes fingerprints") {
  const Home home;
  const fs::path models = home.places.models_folder();
  write_model(models / "first.gguf");
  std::mutex mutex;
  std::condition_variable changed;
  model::LibraryWatch watch({.places = home.places, .on_change = [&] { changed.notify_all(); }});
  const auto wait_for = [&](auto&& condition) {
    const double deadline = monotonic_seconds() + 20;
    std::unique_lock lock(mutex);
    while (!condition(*watch.snapshot()) && monotonic_seconds() < deadline) changed.wait_for(lock, std::chrono::milliseconds(20));
    return condition(*watch.snapshot());
  };
  CHECK(wait_for([](const model::LibrarySnapshot& s) { return s.models.size() == 1 && s.models[0].card.fingerprint.size() == 64; }));
  CHECK(watch.snapshot()->models[0].card.fingerprint == (*model::open_model(models / "first.gguf"))->info.fingerprint);
  write_model(models / "second.gguf");
  CHECK(wait_for([](const model::LibrarySnapshot& s) { return s.models.size() == 2; }));
  fs::create_directories(models / "deep/down");
  CHECK(wait_for([](const model::LibrarySnapshot& s) { return s.complete; }));
  write_model(models / "deep/down/third.gguf");
  CHECK(wait_for([](const model::LibrarySnapshot& s) { return s.models.size() == 3; }));
  fs::remove(models / "first.gguf");
  CHECK(wait_for([](const model::LibrarySnapshot& s) { return s.models.size() == 2; }));
  write(models / "second.gguf", "no longer a model");
  CHECK(wait_for([](const model::LibrarySnapshot& s) { return s.models.size() == 2 && s.models[0].card.unusable != ""; }));
}
