#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/formats/byte_reader.h"
#include "core/formats/safetensors.h"

namespace fabula::formats {

namespace {

constexpr uint64_t max_header_bytes = 100'000'000;
constexpr size_t max_rank = 8;
constexpr size_t max_metadata_keys = 65536;

// Takes the header apart as it is read: no tree of the JSON is ever built, so the memory follows the number
// of tensors.
class HeaderReader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit HeaderReader(ParsedSafetensors& out) : out_(out) {}
  const std::string& problem() const { return problem_; }
  ErrorCode code() const { return code_; }

  bool null() override { return fail("null stands where it makes no sense"); }
  bool boolean(bool) override { return fail("a truth value stands where it makes no sense"); }
  bool number_float(number_float_t, const string_t&) override {
    return fail("a fraction stands where a whole number belongs");
  }
  bool number_integer(number_integer_t value) override {
    return fail("the number " + std::to_string(value) + " is negative");
  }
  bool binary(binary_t&) override { return fail("binary data"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<uint64_t>(INT64_MAX))
      return fail("the number " + std::to_string(value) + " is too large");
    if (where_ == Where::shape) {
      if (tensor_.shape.size() == max_rank)
        return fail("more than " + std::to_string(max_rank) + " dimensions");
      tensor_.shape.push_back(static_cast<int64_t>(value));
      return true;
    }
    if (where_ != Where::offsets || n_offsets_ == 2) return fail("a number stands where it makes no sense");
    offsets_[n_offsets_++] = value;
    return true;
  }

  bool string(string_t& value) override {
    if (where_ == Where::metadata) {
      if (out_.metadata.size() > max_metadata_keys) return fail("too many keys in __metadata__");
      return out_.metadata.emplace(std::move(metadata_key_), std::move(value)).second ||
             fail("a key of __metadata__ stands twice");
    }
    if (where_ != Where::tensor || field_ != "dtype") return fail("a text stands where it makes no sense");
    const auto type = dtype_from_name_or_none(value);
    if (!type || (dtype_info(*type).block_elements != 1)) {
      code_ = ErrorCode::unsupported;
      return fail("the dtype " + in_quotes(value) + " is not known");
    }
    tensor_.type = *type;
    return true;
  }

  bool start_object(std::size_t) override {
    if (where_ == Where::outside) return go(Where::top);
    if (where_ != Where::top) return fail("an object stands where it makes no sense");
    if (key_ == "__metadata__") {
      if (has_metadata_) return fail("__metadata__ stands twice");
      has_metadata_ = true;
      return go(Where::metadata);
    }
    if (out_.tensors.size() == max_tensors)
      return fail("more than " + std::to_string(max_tensors) + " tensors");
    tensor_ = {};
    tensor_.name = key_;
    has_dtype_ = has_shape_ = has_offsets_ = false;
    return go(Where::tensor);
  }

  bool key(string_t& name) override {
    if (where_ == Where::top)
      key_ = std::move(name);
    else if (where_ == Where::metadata)
      metadata_key_ = std::move(name);
    else
      return begin_field(std::move(name));
    return true;
  }

  bool end_object() override {
    if (where_ == Where::top) return go(Where::outside);
    if (where_ == Where::metadata) return go(Where::top);
    if (!has_dtype_ || !has_shape_ || !has_offsets_) return fail("dtype, shape or data_offsets is missing");
    tensor_.offset = offsets_[0];
    tensor_.bytes = offsets_[1] - offsets_[0];
    out_.tensors.push_back(std::move(tensor_));
    return go(Where::top);
  }

  bool start_array(std::size_t) override {
    if (where_ != Where::tensor) return fail("a list stands where it makes no sense");
    if (field_ == "shape") return go(Where::shape);
    if (field_ != "data_offsets") return fail("a list stands where it makes no sense");
    n_offsets_ = 0;
    return go(Where::offsets);
  }

  bool end_array() override {
    if (where_ == Where::offsets && (n_offsets_ != 2 || offsets_[0] > offsets_[1]))
      return fail("data_offsets is not [begin, end]");
    return go(Where::tensor);
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) override {
    return fail("no valid JSON at byte " + std::to_string(position));
  }

 private:
  enum class Where { outside, top, metadata, tensor, shape, offsets };

  bool go(Where where) {
    where_ = where;
    return true;
  }
  bool begin_field(std::string name) {
    field_ = std::move(name);
    bool* seen = field_ == "dtype"          ? &has_dtype_
                 : field_ == "shape"        ? &has_shape_
                 : field_ == "data_offsets" ? &has_offsets_
                                            : nullptr;
    if (!seen) return fail("the field " + in_quotes(field_) + " is not known");
    if (*seen) return fail("the field " + in_quotes(field_) + " stands twice");
    return *seen = true;
  }
  bool fail(std::string why) {
    problem_ =
        (where_ == Where::outside || key_.empty() ? "" : "tensor " + in_quotes(key_) + ": ") + std::move(why);
    return false;
  }

  ParsedSafetensors& out_;
  Where where_ = Where::outside;
  TensorInfo tensor_;
  std::string key_, metadata_key_, field_, problem_;
  bool has_metadata_ = false, has_dtype_ = false, has_shape_ = false, has_offsets_ = false;
  uint64_t offsets_[2] = {};
  int n_offsets_ = 0;
  ErrorCode code_ = ErrorCode::corrupt;
};

// Sorted by place, the tensors must fill the data from its first byte to its last.
std::optional<std::string> problem_of_layout(std::vector<TensorInfo>& tensors, uint64_t data_bytes) {
  std::stable_sort(tensors.begin(), tensors.end(), [](const TensorInfo& a, const TensorInfo& b) {
    return a.offset != b.offset ? a.offset < b.offset : a.bytes < b.bytes;
  });
  uint64_t expected = 0;
  for (const TensorInfo& tensor : tensors) {
    uint64_t bytes = static_cast<uint64_t>(dtype_info(tensor.type).block_bytes);
    bool fits = true;
    for (const int64_t size : tensor.shape)
      fits = fits && checked_multiply(bytes, static_cast<uint64_t>(size), bytes);
    if (!fits)
      return "tensor " + in_quotes(tensor.name) + ": the product of its dimensions does not fit into 64 bits";
    if (bytes != tensor.bytes)
      return "tensor " + in_quotes(tensor.name) + ": its shape needs " + std::to_string(bytes) +
             " bytes, but data_offsets give it " + std::to_string(tensor.bytes);
    if (tensor.offset != expected)
      return "tensor " + in_quotes(tensor.name) + " begins at byte " + std::to_string(tensor.offset) +
             " of the data instead of " + std::to_string(expected) + ": tensors overlap or leave a hole";
    expected += tensor.bytes;
    if (expected > data_bytes)
      return "tensor " + in_quotes(tensor.name) + " ends at byte " + std::to_string(expected) +
             " of the data, but the file has only " + std::to_string(data_bytes) +
             ": it is incomplete or damaged";
  }
  if (expected != data_bytes)
    return std::to_string(data_bytes - expected) + " bytes at the end belong to no tensor";
  return std::nullopt;
}

}  // namespace

Result<ParsedSafetensors> parse_safetensors(const File& file) {
  const auto corrupt = [&](const std::string& why) {
    return Error{ErrorCode::corrupt, file.path().string() + ": " + why};
  };
  if (file.size_bytes() < 8)
    return corrupt("too short for a safetensors file (" + std::to_string(file.size_bytes()) + " bytes)");
  ByteReader in(file);
  FABULA_ASSIGN(const uint64_t header_bytes, in.value<uint64_t>());
  if (header_bytes > max_header_bytes || header_bytes > in.remaining())
    return corrupt("not a safetensors file, or a damaged one: its header would have " +
                   std::to_string(header_bytes) + " bytes of " + std::to_string(in.remaining()) +
                   " (at most " + std::to_string(max_header_bytes) + ")");
  std::string header(header_bytes, '\0');
  FABULA_TRY(in.read(header.data(), header_bytes));

  ParsedSafetensors out;
  HeaderReader reader(out);
  const bool parsed = nlohmann::json::sax_parse(header.begin(), header.end(), &reader);
  if (!parsed) return Error{reader.code(), file.path().string() + ": header: " + reader.problem()};
  if (const auto problem = problem_of_layout(out.tensors, file.size_bytes() - 8 - header_bytes))
    return corrupt(*problem);
  for (TensorInfo& tensor : out.tensors) tensor.offset += 8 + header_bytes;
  return out;
}

}  // namespace fabula::formats
