#include "app/server/security.h"

#include <doctest/doctest.h>

using namespace fabula::server;

namespace {

AccessRules local() {
  return {"127.0.0.1", 8642, "", {}};
}

}  // namespace

TEST_CASE("only names of this machine pass as Host: a rebinding page sends its own") {
  for (const char* good :
       {"127.0.0.1:8642", "localhost:8642", "LOCALHOST", "127.0.0.1", "[::1]:8642", "127.1.2.3"})
    CHECK(host_allowed(local(), good));
  for (const char* bad : {"", "evil.example", "evil.example:8642", "127.0.0.1:80", "localhost.evil.example",
                          "192.168.1.5:8642", "[::1", "0.0.0.0"})
    CHECK_FALSE(host_allowed(local(), bad));
  AccessRules open{"0.0.0.0", 8642, "key", {}};
  CHECK(host_allowed(open, "192.168.1.5:8642"));
  CHECK_FALSE(host_allowed(open, "evil.example:8642"));
}

TEST_CASE("a page's origin must be this server or be allowed by name, and only the latter gets CORS") {
  AccessRules rules = local();
  CHECK(origin_allowed(rules, ""));
  CHECK(origin_allowed(rules, "http://127.0.0.1:8642"));
  CHECK(origin_allowed(rules, "http://localhost:8642"));
  for (const char* bad : {"http://evil.example", "null", "https://127.0.0.1:8642", "http://127.0.0.1:9999",
                          "http://localhost", "file://"})
    CHECK_FALSE(origin_allowed(rules, bad));
  CHECK_FALSE(origin_gets_cors(rules, "http://localhost:8642"));
  rules.allow_origins = {"http://app.example:3000"};
  CHECK(origin_allowed(rules, "http://app.example:3000"));
  CHECK(origin_gets_cors(rules, "http://APP.example:3000"));
  CHECK_FALSE(origin_allowed(rules, "http://app.example:3001"));
}

TEST_CASE("the key is asked for where there is one") {
  AccessRules rules = local();
  CHECK(key_allowed(rules, "", ""));
  rules.api_key = "s3cret";
  CHECK(key_allowed(rules, "Bearer s3cret", ""));
  CHECK(key_allowed(rules, "bearer s3cret", ""));
  CHECK(key_allowed(rules, "", "s3cret"));
  for (const char* bad : {"", "Bearer ", "Bearer s3cre", "Bearer s3crets3cret", "Basic s3cret", "s3cret"})
    CHECK_FALSE(key_allowed(rules, bad, ""));
}

TEST_CASE("constant-time comparison compares") {
  CHECK(equal_in_constant_time("abc", "abc"));
  CHECK_FALSE(equal_in_constant_time("abc", "abd"));
  CHECK_FALSE(equal_in_constant_time("abcabc", "abc"));
  CHECK_FALSE(equal_in_constant_time("", "abc"));
  CHECK_FALSE(equal_in_constant_time("abc", ""));
  CHECK(equal_in_constant_time("", ""));
}
