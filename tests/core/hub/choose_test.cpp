#include <doctest/doctest.h>

#include "core/hub/hub.h"
#include "core/hub/starters.h"

using namespace fabula;

namespace {

hub::Repository repository_of(const std::vector<std::pair<std::string, uint64_t>>& files) {
  hub::Repository repository{.id = "org/name"};
  for (const auto& [path, bytes] : files) repository.files.push_back({path, bytes, std::string(64, 'a')});
  return repository;
}

std::string chosen(const hub::Repository& repository, const std::string& selector) {
  const auto files = hub::choose_files(repository, selector);
  if (!files.ok()) return "error: " + files.error().message;
  std::string names;
  for (const auto& file : *files) names += (names.empty() ? "" : " ") + file.path;
  return names;
}

}  // namespace

TEST_CASE("names of what is pulled") {
  CHECK(hub::parse_pull_name("org/name")->repository == "org/name");
  CHECK(hub::parse_pull_name("org/name:Q4_K_M")->selector == "Q4_K_M");
  CHECK(hub::parse_pull_name("org/na.me-1_x:dir/f.gguf")->selector == "dir/f.gguf");
  for (const char* bad : {"", "name", "/name", "org/", "a/b/c", "../name", "org/..", "org/.x", "or g/n", "org/n?x", "org/n:", "org/n:../x",
                          "org/n:/etc/passwd", "https://hub/org/name", "org\\name", "org/na..me"}) {
    CAPTURE(bad);
    CHECK_FALSE(hub::parse_pull_name(bad).ok());
  }
}

TEST_CASE("names of files that may be written") {
  for (const char* good : {"a.gguf", "dir/sub/file-00001-of-00002.gguf", "with space.gguf", "ünïcode.gguf", "a..b.gguf"}) CHECK(hub::is_safe_path(good));
  for (const char* bad : {"", "/a", "../a", "a/..", "a/../b", "./a", "a/./b", "a//b", "a/", ".a", "a/.b", "a\\b", "..\\b", "c:x", "a\nb", "a\tb", "\x7f"}) {
    CAPTURE(bad);
    CHECK_FALSE(hub::is_safe_path(bad));
  }
  CHECK_FALSE(hub::is_safe_path(std::string_view("a\0b", 3)));
  CHECK_FALSE(hub::is_safe_path(std::string(513, 'x')));
}

TEST_CASE("one file of many: by name, by quantisation, or the usual compromise") {
  const auto many = repository_of({{"Model-1.5B-Q8_0.gguf", 8}, {"Model-1.5B-Q4_K_M.gguf", 4}, {"Model-1.5B-q5_k_s.gguf", 5},
                                   {"Model-1.5B-IQ3_XXS.gguf", 3}, {"Model-1.5B-BF16-00001-of-00002.gguf", 9},
                                   {"Model-1.5B-BF16-00002-of-00002.gguf", 9}, {"mmproj-Model-F16.gguf", 1}, {"README.md", 1}});
  CHECK(chosen(many, "") == "Model-1.5B-Q4_K_M.gguf");
  CHECK(chosen(many, "q8_0") == "Model-1.5B-Q8_0.gguf");
  CHECK(chosen(many, "Q5_K_S") == "Model-1.5B-q5_k_s.gguf");
  CHECK(chosen(many, "Model-1.5B-IQ3_XXS.gguf") == "Model-1.5B-IQ3_XXS.gguf");
  CHECK(chosen(many, "BF16") == "Model-1.5B-BF16-00002-of-00002.gguf Model-1.5B-BF16-00001-of-00002.gguf");
  CHECK(chosen(many, "Q2_K").find("there are IQ3_XXS, Q4_K_M, Q5_K_S, Q8_0, BF16") != std::string::npos);
  const auto offered = hub::offers(many);
  REQUIRE(offered.size() == 5);
  CHECK(offered[4].selector == "BF16");
  CHECK(offered[4].bytes == 18);
  CHECK(chosen(repository_of({{"x-Q2_K.gguf", 1}, {"x-Q3_K_M.gguf", 2}}), "") == "x-Q3_K_M.gguf");
  CHECK(chosen(repository_of({{"weights.gguf", 1}}), "") == "weights.gguf");
  CHECK(hub::offers(repository_of({{"weights.gguf", 1}}))[0].selector == "weights.gguf");
}

TEST_CASE("a folder in safetensors: all its shards, nothing twice, config.json last") {
  CHECK(chosen(repository_of({{"config.json", 1}, {"model.safetensors", 9}, {"tokenizer.json", 2}, {"pytorch_model.bin", 9}, {"x.onnx", 1}}), "") ==
        "model.safetensors tokenizer.json config.json");
  CHECK(chosen(repository_of({{"config.json", 1}, {"consolidated.safetensors", 9}, {"model-00001-of-00002.safetensors", 9},
                              {"model-00002-of-00002.safetensors", 9}, {"model.safetensors.index.json", 1}}), "") ==
        "model-00001-of-00002.safetensors model-00002-of-00002.safetensors model.safetensors.index.json config.json");
  CHECK(chosen(repository_of({{"config.json", 1}, {"pytorch_model.bin", 9}}), "").starts_with("error: org/name holds neither"));
  CHECK(chosen(repository_of({}), "").starts_with("error: "));
  CHECK(chosen(repository_of({{"config.json", 1}, {"model.safetensors", 9}}), "Q4_K_M").find("no GGUF file") != std::string::npos);
}

// The names of the files as these repositories publish them.
TEST_CASE("every starter names one file of its repository, or the whole folder") {
  const std::vector<hub::Repository> published{
      repository_of({{"config.json", 1}, {"model.safetensors", 269}, {"tokenizer.json", 2}, {"onnx/model.onnx", 540}}),
      repository_of({{"smollm2-1.7b-instruct-q4_k_m.gguf", 1056}}),
      repository_of({{"Qwen3-4B-Q4_K_M.gguf", 2497}, {"Qwen3-4B-Q5_0.gguf", 2824}, {"Qwen3-4B-Q8_0.gguf", 4280}})};
  REQUIRE(published.size() == hub::starters.size());
  const std::vector<std::string> expected{"model.safetensors tokenizer.json config.json", "smollm2-1.7b-instruct-q4_k_m.gguf", "Qwen3-4B-Q4_K_M.gguf"};
  for (size_t i = 0; i < expected.size(); ++i) {
    CHECK(chosen(published[i], std::string(hub::starters[i].selector)) == expected[i]);
    CHECK(hub::parse_pull_name(hub::starters[i].repository).ok());
  }
}
