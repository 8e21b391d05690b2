#include "core/net/url.h"

#include <doctest/doctest.h>

using namespace fabula;

TEST_CASE("origins: the usual ports are filled in, hosts are lower case, secrets inside are refused") {
  CHECK(*net::origin_of("https://Hub.Example/a/b?c") == net::Origin{"https", "hub.example", 443});
  CHECK(*net::origin_of("http://127.0.0.1:8080") == net::Origin{"http", "127.0.0.1", 8080});
  CHECK(net::origin_of("http://[::1]:9/x")->host == "[::1]");
  for (const char* bad : {"", "hub.example", "file:///etc/passwd", "ftp://hub.example/", "http://", "http://me:secret@hub.example/",
                          "http://a b/", "https://hub.example:99999/"}) {
    CAPTURE(bad);
    CHECK_FALSE(net::origin_of(bad).ok());
  }
  CHECK_FALSE(net::origin_of(std::string_view("http://a\0b/", 11)).ok());
}

TEST_CASE("percent encoding") {
  CHECK(net::percent_encode("a b/c?d&e=%ü") == "a%20b%2Fc%3Fd%26e%3D%25%C3%BC");
  CHECK(net::percent_encode("org/name-1.0_x~", "/") == "org/name-1.0_x~");
}

TEST_CASE("what is this machine") {
  for (const char* here : {"localhost", "127.0.0.1", "127.8.8.8", "[::1]"}) CHECK(net::is_loopback(here));
  for (const char* away : {"10.0.0.1", "localhost.example", "hub.example"}) CHECK_FALSE(net::is_loopback(away));
}
