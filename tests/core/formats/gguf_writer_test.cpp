#include "core/formats/gguf_writer.h"

#include <doctest/doctest.h>

#include <array>
#include <cstring>

#include "core/formats/gguf.h"
#include "tests/support/support.h"

using namespace fabula;
using formats::DType;
using formats::Gguf;
using formats::GgufValue;

TEST_CASE("a real file written anew has the same metadata and tensors") {
  FABULA_REQUIRE_TESTDATA();
  const auto source = Gguf::open(*test::testdata() / "models/tinystories-656k/TinyStories-656K-Q8_0.gguf");
  REQUIRE(source.ok());
  test::TemporaryFolder folder;
  const auto path = folder.path() / "copy.gguf";
  {
    formats::GgufWriter writer;
    for (const auto& [key, value] : (*source)->metadata()) writer.set(key, value);
    for (const auto& tensor : (*source)->tensors()) writer.add_tensor(tensor.name, tensor.type, tensor.shape);
    REQUIRE(writer.begin(path).ok());
    for (const auto& tensor : (*source)->tensors()) {
      std::vector<std::byte> bytes(tensor.bytes);
      REQUIRE((*source)->read(tensor, 0, bytes).ok());
      const auto half = std::span(bytes).first(bytes.size() / 2);
      REQUIRE(writer.write(half).ok());
      REQUIRE(writer.write(std::span(bytes).subspan(half.size())).ok());
    }
    CHECK_FALSE(std::filesystem::exists(path));
    REQUIRE(writer.finish().ok());
  }
  const auto copy = Gguf::open(path);
  REQUIRE_MESSAGE(copy.ok(), copy.error().message);
  CHECK((*copy)->metadata().size() == (*source)->metadata().size());
  for (const auto& [key, value] : (*source)->metadata()) {
    const auto* other = formats::find_or_null((*copy)->metadata(), key);
    REQUIRE(other);
    CHECK((other->element == value.element && other->is_array == value.is_array &&
           other->bytes == value.bytes && other->ends == value.ends));
  }
  for (const auto& tensor : (*source)->tensors()) {
    const auto* other = (*copy)->find_or_null(tensor.name);
    REQUIRE(other);
    CHECK(other->shape == tensor.shape);
    std::vector<std::byte> a(tensor.bytes), b(other->bytes);
    REQUIRE((*source)->read(tensor, 0, a).ok());
    REQUIRE((*copy)->read(*other, 0, b).ok());
    CHECK(a == b);
  }
}

TEST_CASE("what is not finished leaves nothing behind") {
  test::TemporaryFolder folder;
  {
    formats::GgufWriter writer;
    writer.set("general.architecture", GgufValue::text("llama"));
    writer.add_tensor("x", DType::f32, {4});
    REQUIRE(writer.begin(folder.path() / "x.gguf").ok());
    const std::array<std::byte, 8> half{};
    REQUIRE(writer.write(half).ok());
    CHECK_FALSE(writer.finish().ok());
  }
  CHECK(std::filesystem::is_empty(folder.path()));
  formats::GgufWriter writer;
  CHECK_FALSE(writer.begin(folder.path() / "absent" / "x.gguf").ok());
  formats::GgufWriter odd;
  odd.add_tensor("x", DType::q8_0, {33});
  CHECK(odd.begin(folder.path() / "x.gguf").error().code == ErrorCode::invalid_argument);
}

TEST_CASE("parts of a split file are found beside the first, and nowhere else") {
  test::TemporaryFolder folder;
  const auto write_part = [&](const std::string& name, const std::string& tensor, uint16_t number,
                              uint16_t count) {
    formats::GgufWriter writer;
    writer.set("split.no", GgufValue::scalar(formats::GgufType::u16, number));
    writer.set("split.count", GgufValue::scalar(formats::GgufType::u16, count));
    writer.set("split.tensors.count", GgufValue::scalar(formats::GgufType::i32, int32_t{2}));
    writer.add_tensor(tensor, DType::f32, {2});
    REQUIRE(writer.begin(folder.path() / name).ok());
    const float values[] = {1.5f, static_cast<float>(number)};
    REQUIRE(writer.write(std::as_bytes(std::span(values))).ok());
    REQUIRE(writer.finish().ok());
  };
  const auto first = folder.path() / "m-00001-of-00002.gguf",
             second = folder.path() / "m-00002-of-00002.gguf";
  write_part("m-00001-of-00002.gguf", "a", 0, 2);
  CHECK(Gguf::open(first).error().code == ErrorCode::not_found);
  write_part("m-00002-of-00002.gguf", "b", 1, 2);
  const auto whole = Gguf::open(first);
  REQUIRE_MESSAGE(whole.ok(), whole.error().message);
  const auto* b = (*whole)->find_or_null("b");
  REQUIRE(b);
  float values[2] = {};
  REQUIRE((*whole)->read(*b, 0, std::as_writable_bytes(std::span(values))).ok());
  CHECK(values[1] == 1.0f);
  CHECK((*whole)->find_or_null("a") != nullptr);
  CHECK(Gguf::open(second).ok());

  write_part("m-00002-of-00002.gguf", "a", 1, 2);
  CHECK_FALSE(Gguf::open(first).ok());  // "a" stands twice
  write_part("m-00002-of-00002.gguf", "b", 0, 2);
  CHECK_FALSE(Gguf::open(first).ok());  // calls itself the first part
  std::filesystem::remove(second);
  test::TemporaryFolder elsewhere;
  std::filesystem::copy_file(first, elsewhere.path() / "secret");
  std::filesystem::create_symlink(elsewhere.path() / "secret", second);
  CHECK(Gguf::open(first).error().code == ErrorCode::corrupt);  // a link out of the folder
  std::filesystem::copy_file(first, folder.path() / "renamed.gguf");
  CHECK(Gguf::open(folder.path() / "renamed.gguf").error().message.find("2 parts") != std::string::npos);
}
