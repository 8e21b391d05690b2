#include "core/model/model.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>

#include "core/model/gguf_export.h"
#include "tests/core/model/tiny_gguf.h"
#include "tests/support/support.h"

using namespace fabula;

namespace {

std::shared_ptr<const model::Model> open(const std::filesystem::path& path) {
  const auto model = model::open_model(path);
  REQUIRE_MESSAGE(model.ok(), model.error().message);
  return *model;
}

void write(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// A copy of the TinyStories folder, to be damaged.
std::filesystem::path copy_of_tinystories(const test::TemporaryFolder& folder) {
  const auto to = folder.path() / "tiny";
  std::filesystem::create_directories(to);
  for (const auto& entry : std::filesystem::directory_iterator(*test::testdata() / "models/tinystories-656k"))
    if (entry.is_regular_file() &&
        (entry.path().extension() == ".json" || entry.path().extension() == ".safetensors")) {
      std::filesystem::copy_file(entry.path(), to / entry.path().filename());
      std::filesystem::permissions(to / entry.path().filename(), std::filesystem::perms::owner_all);
    }
  return to;
}

}  // namespace

TEST_CASE("every reference model opens") {
  FABULA_REQUIRE_TESTDATA();
  int opened = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(*test::testdata() / "models")) {
    if (entry.path().extension() != ".gguf") continue;
    CAPTURE(entry.path().string());
    const auto model = open(entry.path());
    CHECK(model->spec.layers.size() == static_cast<size_t>(model->spec.n_layers));
    CHECK(model->tokenizer->vocab_size() == model->spec.vocab);
    CHECK(std::ranges::find(model->end_tokens, 2) != model->end_tokens.end());
    CHECK(model->info.fingerprint.size() == 64);
    CHECK(model->chat_template == nullptr);
    CHECK_FALSE(model->chat_template_error.empty());
    ++opened;
  }
  CHECK(opened > 20);
}

TEST_CASE("a folder and a GGUF file of one model compute the same") {
  FABULA_REQUIRE_TESTDATA();
  const auto models = *test::testdata() / "models/tinystories-656k";
  const auto folder = open(models), gguf = open(models / "TinyStories-656K-Q8_0.gguf");
  CHECK(model::first_difference(folder->spec, gguf->spec) == "");
  CHECK(folder->spec.rope_pairing == compute::RopePairing::half);
  CHECK(gguf->spec.rope_pairing == compute::RopePairing::interleaved);
  CHECK(folder->spec.head.tensor == folder->spec.embedding.tensor);
  CHECK(folder->spec.embedding.tensor->name == "lm_head.weight");
  CHECK(folder->info.format == "safetensors");
  CHECK(folder->info.architecture == "llama");
  CHECK(folder->info.name == "tinystories-656k");
  CHECK(gguf->info.name == "Raincandy U TinyStories 656K");
  CHECK(gguf->info.licence == "apache-2.0");
  CHECK(folder->info.parameters == 656000);
  CHECK(folder->info.dtypes.at("F32") == 20);
  CHECK(folder->end_tokens == std::vector<text::TokenId>{2});
  CHECK(folder->info.fingerprint != gguf->info.fingerprint);
  CHECK(open(models / "model.safetensors")->info.fingerprint == folder->info.fingerprint);
  CHECK(open(models / "config.json")->info.fingerprint == folder->info.fingerprint);
}

TEST_CASE("a GGUF file tells how it likes to be sampled; what makes no sense is passed over") {
  test::TemporaryFolder folder;
  const auto defaults = [&](float temperature) {
    test::write_tiny_gguf(folder.path() / "m.gguf", {.temperature = temperature});
    return open(folder.path() / "m.gguf")->defaults;
  };
  CHECK(defaults(0.75f).temperature == 0.75f);
  CHECK_FALSE(defaults(0.75f).top_k.has_value());
  CHECK_FALSE(defaults(-1).temperature.has_value());
  CHECK_FALSE(defaults(1000).temperature.has_value());
}

TEST_CASE("end tokens are a set: config, generation_config and well-known texts; defaults come along") {
  FABULA_REQUIRE_TESTDATA();
  test::TemporaryFolder folder;
  const auto tiny = copy_of_tinystories(folder);
  write(
      tiny / "generation_config.json",
      R"({"eos_token_id":[7,9],"temperature":0.6,"top_p":0.95,"top_k":20,"repetition_penalty":1.1,"min_p":"much"})");
  write(tiny / "chat_template.jinja", "{% for m in messages %}{{ m.content }}{% endfor %}");
  const auto model = open(tiny);
  CHECK(model->end_tokens == std::vector<text::TokenId>{2, 7, 9});
  CHECK(model->defaults.temperature == 0.6f);
  CHECK(model->defaults.top_k == 20);
  CHECK_FALSE(model->defaults.min_p.has_value());
  CHECK(model->chat_template != nullptr);
  write(tiny / "chat_template.jinja", "{% for m in messages %}");
  const auto broken = open(tiny);
  CHECK(broken->chat_template == nullptr);
  CHECK_FALSE(broken->chat_template_error.empty());
}

TEST_CASE("one changed weight or setting is another model") {
  FABULA_REQUIRE_TESTDATA();
  test::TemporaryFolder folder;
  const auto tiny = copy_of_tinystories(folder);
  const std::string before = open(tiny)->info.fingerprint;
  CHECK(before == open(*test::testdata() / "models/tinystories-656k")->info.fingerprint);
  std::fstream weights(tiny / "model.safetensors", std::ios::in | std::ios::out | std::ios::binary);
  weights.seekg(-1, std::ios::end);
  const char last = static_cast<char>(weights.get());
  weights.seekp(-1, std::ios::end);
  weights.put(static_cast<char>(last ^ 1));
  weights.close();
  CHECK(open(tiny)->info.fingerprint != before);
}

TEST_CASE("what is no model is refused in plain words that name the file") {
  FABULA_REQUIRE_TESTDATA();
  test::TemporaryFolder folder;
  const auto refusal = [&](const std::filesystem::path& path) {
    const auto model = model::open_model(path);
    REQUIRE_FALSE(model.ok());
    CHECK(model.error().message.find(path.string()) != std::string::npos);
    return model.error();
  };
  CHECK(refusal(folder.path() / "absent.gguf").code == ErrorCode::not_found);
  CHECK(refusal(folder.path()).code == ErrorCode::not_found);  // no config.json
  write(folder.path() / "story.txt", "Once upon a time");
  CHECK(refusal(folder.path() / "story.txt").message.find("Once upon a time") != std::string::npos);
  write(folder.path() / "empty", "");
  CHECK(refusal(folder.path() / "empty").code == ErrorCode::corrupt);
  const auto tiny = copy_of_tinystories(folder);
  write(tiny / "config.json", R"({"model_type":"hyena"})");
  CHECK(refusal(tiny).message.find("hyena") != std::string::npos);
  write(tiny / "config.json", "{");
  CHECK(refusal(tiny).code == ErrorCode::corrupt);
  std::filesystem::remove(tiny / "tokenizer.json");
  std::filesystem::copy_file(*test::testdata() / "models/tinystories-656k/config.json", tiny / "config.json",
                             std::filesystem::copy_options::overwrite_existing);
  CHECK(refusal(tiny).message.find("tokenizer") != std::string::npos);
}

TEST_CASE("a tokenizer opens alone, from whatever holds it") {
  FABULA_REQUIRE_TESTDATA();
  const auto models = *test::testdata() / "models/tinystories-656k";
  for (const auto& path : {models, models / "tokenizer.json", models / "TinyStories-656K-Q8_0.gguf"}) {
    const auto tokenizer = model::open_tokenizer(path);
    REQUIRE_MESSAGE(tokenizer.ok(), tokenizer.error().message);
    CHECK((*tokenizer)->vocab_size() == 2048);
    CHECK((*tokenizer)->eos_or_negative() == 2);
  }
  test::TemporaryFolder folder;
  write(folder.path() / "noise.model", "Once upon a time");
  const auto noise = model::open_tokenizer(folder.path() / "noise.model");
  REQUIRE_FALSE(noise.ok());
  CHECK(noise.error().message.find("noise.model") != std::string::npos);
}
