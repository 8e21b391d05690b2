// Against ggml's own blocks (testdata/quant): what it wrote must be read as it reads it, and what Fabula
// writes must be what it writes.
#include "core/formats/quant.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "tests/support/support.h"

using namespace fabula;
using formats::DType;

namespace {

std::vector<float> read_floats(const std::filesystem::path& path) {
  const std::string bytes = test::read_text(path);
  std::vector<float> out(bytes.size() / 4);
  std::memcpy(out.data(), bytes.data(), out.size() * 4);
  return out;
}

bool same_bits(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) || (std::isnan(a) && std::isnan(b));
}

struct StoredType {
  DType type;
  const char* file;
};

const StoredType stored_types[] = {
    {DType::f16, "f16"},       {DType::bf16, "bf16"},     {DType::q4_0, "q4_0"},
    {DType::q4_1, "q4_1"},     {DType::q5_0, "q5_0"},     {DType::q5_1, "q5_1"},
    {DType::q8_0, "q8_0"},     {DType::q2_k, "q2_K"},     {DType::q3_k, "q3_K"},
    {DType::q4_k, "q4_K"},     {DType::q5_k, "q5_K"},     {DType::q6_k, "q6_K"},
    {DType::iq1_s, "iq1_s"},   {DType::iq1_m, "iq1_m"},   {DType::iq2_xxs, "iq2_xxs"},
    {DType::iq2_xs, "iq2_xs"}, {DType::iq2_s, "iq2_s"},   {DType::iq3_xxs, "iq3_xxs"},
    {DType::iq3_s, "iq3_s"},   {DType::iq4_nl, "iq4_nl"}, {DType::iq4_xs, "iq4_xs"},
    {DType::tq1_0, "tq1_0"},   {DType::tq2_0, "tq2_0"},   {DType::mxfp4, "mxfp4"},
    {DType::nvfp4, "nvfp4"},   {DType::q1_0, "q1_0"},     {DType::q2_0, "q2_0"},
};

void check_decoding(DType type, const std::filesystem::path& blocks,
                    const std::filesystem::path& expected_file) {
  const std::string bytes = test::read_text(blocks);
  const std::vector<float> expected = read_floats(expected_file);
  const formats::DTypeInfo& info = formats::dtype_info(type);
  REQUIRE(bytes.size() / static_cast<size_t>(info.block_bytes) * static_cast<size_t>(info.block_elements) ==
          expected.size());
  std::vector<float> found(expected.size());
  formats::dequantize(type, reinterpret_cast<const std::byte*>(bytes.data()), found.data(),
                      static_cast<int64_t>(found.size()));
  size_t wrong = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    if (same_bits(found[i], expected[i])) continue;
    if (wrong++ < 3)
      MESSAGE(blocks.string() << " element " << i << ": " << found[i] << " instead of " << expected[i]);
  }
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("every stored type is decoded bit for bit as ggml does") {
  FABULA_REQUIRE_TESTDATA();
  const auto folder = *test::testdata() / "quant" / "ggml";
  CHECK(std::size(stored_types) == 27);
  for (const StoredType& stored : stored_types) {
    CAPTURE(stored.file);
    const std::string name = stored.file;
    check_decoding(stored.type, folder / (name + ".q.bin"), folder / (name + ".deq.f32"));
    check_decoding(stored.type, folder / (name + ".rand.q.bin"), folder / (name + ".rand.deq.f32"));
  }
}

TEST_CASE("Q4_K, Q5_K and Q6_K lose no more than ggml's own encoders do") {
  FABULA_REQUIRE_TESTDATA();
  const auto folder = *test::testdata() / "quant" / "ggml";
  const std::vector<float> input = read_floats(folder / "input.f32");
  const auto n = static_cast<int64_t>(input.size());
  for (const auto& [type, file] : 
       {StoredType{DType::q4_k, "q4_K"}, {DType::q5_k, "q5_K"}, {DType::q6_k, "q6_K"}}) {
    FABULA_CAPTURE(file);
    const std::vector<float> theirs = read_floats(folder / (std::string(file) + ".deq.f32"));
    std::vector<std::byte> blocks(formats::row_bytes(type, n));
    std::vector<float> ours(input.size());
    formats::quantize(type, input.data(), blocks.data(), n);
    formats::dequantize(type, blocks.data(), ours.data(), n);
    // Row by row: the rows of the reference differ in kind (normal, uniform, outliers, constants, zeros,
    // tiny).
    for (size_t row = 0; row < 12; ++row) {
      double our_error = 0.0, their_error = 0.0, squares = 0.0, largest = 0.0;
      for (size_t i = row * 512; i < (row + 1) * 512; ++i) {
        our_error += std::pow(static_cast<double>(ours[i]) - input[i], 2.0);
        their_error += std::pow(static_cast<double>(theirs[i]) - input[i], 2.0);
        squares += static_cast<double>(input[i]) * input[i];
        largest = std::max(largest, std::fabs(static_cast<double>(input[i])));
      }
      CAPTURE(row);
      CAPTURE(std::sqrt(our_error / squares));
      CAPTURE(std::sqrt(their_error / squares));
      // 5 % more in the root mean square is allowed, and what a scale rounded to f16 (half a step: 2^-11) moves
      // each of the 512 elements at most: in constant rows that is all the error there is.
      CHECK(std::sqrt(our_error) <= 1.05 * std::sqrt(their_error) + std::sqrt(512.0) * largest / 2048.0);
    }
  }
}

TEST_CASE("the simple types are encoded byte for byte as ggml does") {
  FABULA_REQUIRE_TESTDATA();
  const auto folder = *test::testdata() / "quant" / "ggml";
  const std::vector<float> input = read_floats(folder / "input.f32");
  for (const DType type :
       {DType::f16, DType::bf16, DType::q4_0, DType::q4_1, DType::q5_0, DType::q5_1, DType::q8_0}) {
    std::string name(formats::dtype_info(type).name);
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    CAPTURE(name);
    const std::string expected = test::read_text(folder / (name + ".q.bin"));
    REQUIRE(formats::can_quantize(type));
    std::string found(formats::row_bytes(type, static_cast<int64_t>(input.size())), '\0');
    formats::quantize(type, input.data(), reinterpret_cast<std::byte*>(found.data()),
                      static_cast<int64_t>(input.size()));
    REQUIRE(found.size() == expected.size());
    size_t wrong = 0;
    for (size_t i = 0; i < found.size(); ++i) wrong += found[i] != expected[i];
    CHECK(wrong == 0);
  }
}

TEST_CASE("weights that are no finite numbers are encoded as something, without undefined behaviour") {
  const float odd[] = {std::nanf(""), INFINITY, -INFINITY, 3.4e38f, -3.4e38f, 1e-45f, 0.0f, 1.0f};
  std::vector<float> values(256);
  for (size_t i = 0; i < values.size(); ++i) values[i] = odd[i % std::size(odd)];
  for (size_t type = 0; type <= static_cast<size_t>(DType::nvfp4); ++type) {
    if (!formats::can_quantize(static_cast<DType>(type))) continue;
    std::vector<std::byte> blocks(formats::row_bytes(static_cast<DType>(type), 256));
    formats::quantize(static_cast<DType>(type), values.data(), blocks.data(), 256);
    formats::dequantize(static_cast<DType>(type), blocks.data(), values.data(), 256);
    for (size_t i = 0; i < values.size(); ++i) values[i] = odd[i % std::size(odd)];
  }
  CHECK(formats::can_quantize(DType::q4_k));
}
