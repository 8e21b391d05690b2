#include "core/hub/hub.h"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/core/hub/hub_support.h"
#include "tests/support/support.h"

using namespace fabula;
namespace fs = std::filesystem;

TEST_CASE("a search: name, licence, downloads, what kind of files") {
  const test::LoopbackHub server;
  net::HttpClient client;
  const auto found = hub::search(client, server.access(), "tiny");
  REQUIRE(found.ok());
  REQUIRE(found->size() == 1);  // not the one without weights, not the one whose name leads out of the folder
  const auto& first = found->front();
  CHECK(first.id == "good/Tiny-GGUF");
  CHECK(first.licence == "apache-2.0");
  CHECK(first.downloads == 5000);
  CHECK(first.parameters == 135000000);
  CHECK(first.gguf);
  CHECK_FALSE(first.safetensors);
  CHECK_FALSE(first.gated);
  const auto all = hub::search(client, server.access(), "", 100);
  REQUIRE(all.ok());
  CHECK(all->size() == 4);
  CHECK(hub::search(client, server.access(), "a&limit=0 b")->empty());
}

TEST_CASE("what a repository holds: pages are followed, names that lead elsewhere are left out") {
  const test::LoopbackHub server;
  net::HttpClient client;
  const auto tiny = hub::read_repository(client, server.access(), "good/Tiny-GGUF");
  REQUIRE(tiny.ok());
  CHECK(tiny->revision == "0123456789abcdef0123456789abcdef01234567");
  CHECK(tiny->licence == "apache-2.0");
  CHECK(tiny->files.size() == 7);  // eight, less .gitattributes
  const auto evil = hub::read_repository(client, server.access(), "evil/Names-GGUF");
  REQUIRE(evil.ok());
  REQUIRE(evil->files.size() == 1);
  CHECK(evil->files[0].path == "ok.gguf");
  CHECK(evil->files[0].bytes == 1000);
  CHECK(evil->files[0].sha256.size() == 64);
}

TEST_CASE("what cannot be had is explained") {
  const test::LoopbackHub server;
  net::HttpClient client;
  const auto missing = hub::read_repository(client, server.access(), "no/Such");
  REQUIRE_FALSE(missing.ok());
  CHECK(missing.error().message.find("does not exist, or needs an access token") != std::string::npos);
  CHECK(hub::read_repository(client, server.access("good-token"), "no/Such").error().code == ErrorCode::not_found);
  server.behave({{"api_429", 1}});
  CHECK(hub::read_repository(client, server.access(), "good/Folder").error().code == ErrorCode::busy);
  CHECK(hub::read_repository(client, server.access(), "good/Folder").ok());
  CHECK(hub::read_repository(client, {"http://127.0.0.1:1", ""}, "good/Folder").error().message.find("cannot be reached") != std::string::npos);
}

TEST_CASE("the access token: whose it is, where it is kept, which one counts") {
  const test::LoopbackHub server;
  net::HttpClient client;
  CHECK(*hub::account_name(client, server.access("good-token")) == "reader");
  CHECK(hub::account_name(client, server.access("other")).error().message.find("does not know this access token") != std::string::npos);

  test::TemporaryFolder folder;
  const Places places = places_below(folder.path());
  for (const char* name : {"HF_TOKEN", "HF_ENDPOINT", "HF_HOME", "HF_TOKEN_PATH"}) ::unsetenv(name);
  ::setenv("HOME", folder.path().c_str(), 1);
  CHECK(hub::access_from_environment(places).token == "");
  CHECK(hub::access_from_environment(places).endpoint == "https://huggingface.co");
  fs::create_directories(folder.path() / ".cache/huggingface");
  std::ofstream(folder.path() / ".cache/huggingface/token") << "from-tools\n";
  CHECK(hub::access_from_environment(places).token == "from-tools");
  REQUIRE(hub::save_token(places, "mine").ok());
  CHECK(hub::access_from_environment(places).token == "mine");
  struct stat info {};
  REQUIRE(::stat((places.config / "hub_token").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  REQUIRE(hub::save_token(places, "newer").ok());
  ::setenv("HF_TOKEN", "from-environment", 1);
  ::setenv("HF_ENDPOINT", "http://hub.example/", 1);
  CHECK(hub::access_from_environment(places).token == "from-environment");
  CHECK(hub::access_from_environment(places).endpoint == "http://hub.example");
  ::unsetenv("HF_TOKEN");
  ::unsetenv("HF_ENDPOINT");
  CHECK(hub::access_from_environment(places).token == "newer");
  CHECK_FALSE(hub::save_token(places, "two words").ok());
  CHECK_FALSE(hub::save_token(places, "line\n").ok());
  REQUIRE(hub::save_token(places, "").ok());
  CHECK(hub::access_from_environment(places).token == "from-tools");
}
