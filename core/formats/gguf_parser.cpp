#include "core/formats/gguf_parser.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "core/formats/byte_reader.h"
#include "core/formats/gguf.h"
#include "core/formats/tensor_index.h"

namespace fabula::formats {

namespace {

constexpr uint64_t max_keys = 65536;       // real files have fewer than 100
constexpr uint64_t max_key_bytes = 65535;  // the format's own limit
constexpr uint64_t max_name_bytes = 63;    // of a tensor: ggml keeps 64 with the final zero
constexpr uint32_t max_dimensions = 4;
constexpr uint64_t max_alignment = uint64_t{1} << 20;

class Parser {
 public:
  explicit Parser(const File& file) : file_(file), in_(file) {}

  Result<ParsedGguf> parse() {
    FABULA_TRY(header());
    for (uint64_t i = 0; i < n_keys_; ++i) FABULA_TRY(key_and_value(i));
    FABULA_TRY(read_alignment());
    out_.tensors.reserve(n_tensors_);
    for (uint64_t i = 0; i < n_tensors_; ++i) FABULA_TRY(tensor(i));
    FABULA_TRY(place_tensors());
    return std::move(out_);
  }

 private:
  Error corrupt(const std::string& why) const {
    return {ErrorCode::corrupt, file_.path().string() + ": " + why};
  }
  Error in_context(const Error& error, const std::string& what) const {
    return {error.code, file_.path().string() + ": " + what + ": " + error.message};
  }

  Status header() {
    char magic[4] = {};
    if (file_.size_bytes() < 24)
      return corrupt("too short for a GGUF file (" + std::to_string(file_.size_bytes()) +
                     " bytes; the header alone has 24)");
    FABULA_TRY(in_.read(magic, 4));
    if (std::string_view(magic, 4) != "GGUF")
      return corrupt("not a GGUF file: it begins with " + in_quotes(std::string_view(magic, 4)) +
                     " instead of \"GGUF\"");
    FABULA_ASSIGN(out_.version, in_.value<uint32_t>());
    if (out_.version == 0x02000000 || out_.version == 0x03000000)
      return Error{ErrorCode::unsupported,
                   file_.path().string() + ": a big-endian GGUF file; only little-endian ones can be read"};
    if (out_.version != 2 && out_.version != 3)
      return Error{ErrorCode::unsupported, file_.path().string() + ": GGUF version " +
                                               std::to_string(out_.version) +
                                               "; versions 2 and 3 can be read"};
    FABULA_ASSIGN(n_tensors_, in_.value<uint64_t>());
    FABULA_ASSIGN(n_keys_, in_.value<uint64_t>());
    if (n_tensors_ > max_tensors || n_tensors_ > in_.remaining() / 24)
      return corrupt("the header announces " + std::to_string(n_tensors_) + " tensors, more than fit");
    if (n_keys_ > max_keys || n_keys_ > in_.remaining() / 13)
      return corrupt("the header announces " + std::to_string(n_keys_) + " metadata keys, more than fit");
    return {};
  }

  Result<std::string> text(uint64_t max_bytes) {
    FABULA_ASSIGN(const uint64_t bytes, in_.value<uint64_t>());
    if (bytes > in_.remaining() || bytes > max_bytes)
      return Error{ErrorCode::corrupt, "a text of " + std::to_string(bytes) + " bytes is announced at byte " +
                                           std::to_string(in_.position()) + ", at most " +
                                           std::to_string(std::min(max_bytes, in_.remaining())) +
                                           " are possible"};
    std::string value(bytes, '\0');
    FABULA_TRY(in_.read(value.data(), bytes));
    return value;
  }

  Result<GgufType> type() {
    FABULA_ASSIGN(const uint32_t id, in_.value<uint32_t>());
    if (id >= gguf_type_count)
      return Error{ErrorCode::corrupt, "there is no value type " + std::to_string(id)};
    return static_cast<GgufType>(id);
  }

  Status key_and_value(uint64_t number) {
    auto key = text(max_key_bytes);
    if (!key.ok()) return in_context(key.error(), "metadata key " + std::to_string(number));
    if (key->empty()) return corrupt("metadata key " + std::to_string(number) + " is empty");
    auto value = this->value();
    if (!value.ok()) return in_context(value.error(), "metadata key " + in_quotes(*key));
    const std::string name = in_quotes(*key);
    if (!out_.metadata.emplace(std::move(*key), std::move(*value)).second)
      return corrupt("the metadata key " + name + " stands twice");
    return {};
  }

  Result<GgufValue> value() {
    GgufValue value;
    FABULA_ASSIGN(value.element, type());
    if (value.element == GgufType::array) {
      value.is_array = true;
      FABULA_ASSIGN(value.element, type());
      FABULA_ASSIGN(value.count, in_.value<uint64_t>());
      if (value.element == GgufType::array)
        return Error{ErrorCode::unsupported, "arrays of arrays are not supported"};
    }
    if (value.element == GgufType::string) return strings(std::move(value));
    const uint64_t size = gguf_type_bytes(value.element);
    if (value.count > in_.remaining() / size)
      return Error{ErrorCode::corrupt,
                   "an array of " + std::to_string(value.count) + " elements does not fit into the file"};
    value.bytes.resize(value.count * size);
    FABULA_TRY(in_.read(value.bytes.data(), value.bytes.size()));
    return value;
  }

  // Walks the lengths once to know the sum, so that the memory taken is exact whatever the lengths are.
  Result<GgufValue> strings(GgufValue value) {
    if (value.count > in_.remaining() / 8)
      return Error{ErrorCode::corrupt,
                   "an array of " + std::to_string(value.count) + " texts does not fit into the file"};
    const uint64_t begin = in_.position();
    value.ends.reserve(value.count);
    uint64_t total = 0;
    for (uint64_t i = 0; i < value.count; ++i) {
      FABULA_ASSIGN(const uint64_t bytes, in_.value<uint64_t>());
      if (bytes > in_.remaining())
        return Error{ErrorCode::corrupt, "text " + std::to_string(i) + " has " + std::to_string(bytes) +
                                             " bytes, but only " + std::to_string(in_.remaining()) +
                                             " remain in the file"};
      FABULA_TRY(in_.skip(bytes));
      total += bytes;
      value.ends.push_back(total);
    }
    value.bytes.resize(total);
    in_.seek(begin);
    uint64_t at = 0;
    for (const uint64_t end : value.ends) {
      FABULA_TRY(in_.skip(8));
      FABULA_TRY(in_.read(value.bytes.data() + at, end - at));
      at = end;
    }
    return value;
  }

  Status read_alignment() {
    const GgufValue* value = find_or_null(out_.metadata, "general.alignment");
    if (!value) return {};
    if (value->element != GgufType::u32 || value->is_array)
      return corrupt("general.alignment is of type " + std::string(gguf_type_name(value->element)) +
                     ", not uint32");
    alignment_ = static_cast<uint64_t>(*value->integer_or_none());
    if (!std::has_single_bit(alignment_) || alignment_ > max_alignment)
      return corrupt("general.alignment is " + std::to_string(alignment_) + ", not a power of two up to " +
                     std::to_string(max_alignment));
    return {};
  }

  Status tensor(uint64_t number) {
    auto name = text(max_name_bytes);
    if (!name.ok()) return in_context(name.error(), "name of tensor " + std::to_string(number));
    const std::string shown = in_quotes(*name);
    auto parsed = tensor_body(std::move(*name));
    if (!parsed.ok()) return in_context(parsed.error(), "tensor " + shown);
    out_.tensors.push_back(std::move(*parsed));
    return {};
  }

  Result<TensorInfo> tensor_body(std::string name) {
    TensorInfo tensor;
    tensor.name = std::move(name);
    FABULA_ASSIGN(const uint32_t dimensions, in_.value<uint32_t>());
    if (dimensions < 1 || dimensions > max_dimensions)
      return Error{ErrorCode::corrupt, std::to_string(dimensions) + " dimensions; there must be 1 to " +
                                           std::to_string(max_dimensions)};
    tensor.shape.resize(dimensions);
    uint64_t elements = 1;
    for (uint32_t d = 0; d < dimensions; ++d) {
      FABULA_ASSIGN(const uint64_t size, in_.value<uint64_t>());
      if (size > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
        return Error{ErrorCode::corrupt, "dimension " + std::to_string(d) + " is " + std::to_string(size)};
      tensor.shape[dimensions - 1 - d] = static_cast<int64_t>(size);
      if (!checked_multiply(elements, size, elements) ||
          elements > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
        return Error{ErrorCode::corrupt, "the product of its dimensions does not fit into 63 bits"};
    }
    FABULA_ASSIGN(const uint32_t type, in_.value<uint32_t>());
    const auto known = dtype_from_gguf(type);
    if (!known)
      return Error{ErrorCode::unsupported, "the tensor type " + std::to_string(type) + " is not known"};
    tensor.type = *known;
    FABULA_ASSIGN(tensor.offset, in_.value<uint64_t>());
    const DTypeInfo& info = dtype_info(tensor.type);
    if (tensor.shape.back() % info.block_elements != 0)
      return Error{ErrorCode::corrupt, "its rows have " + std::to_string(tensor.shape.back()) +
                                           " elements, no multiple of the " +
                                           std::to_string(info.block_elements) + " that a block of " +
                                           std::string(info.name) + " holds"};
    if (!checked_multiply(elements / static_cast<uint64_t>(info.block_elements),
                          static_cast<uint64_t>(info.block_bytes), tensor.bytes))
      return Error{ErrorCode::corrupt, "its size in bytes does not fit into 64 bits"};
    return tensor;
  }

  // Tensors lie one behind the other, each padded to the alignment: so there is neither overlap nor hole.
  Status place_tensors() {
    if (!checked_pad(in_.position(), alignment_, out_.data_begin)) return corrupt("the header does not end");
    uint64_t expected = 0;
    for (TensorInfo& tensor : out_.tensors) {
      if (tensor.offset != expected)
        return corrupt("tensor " + in_quotes(tensor.name) + " is said to begin at byte " +
                       std::to_string(tensor.offset) + " of the data; it should be " +
                       std::to_string(expected));
      uint64_t end = 0;
      if (!checked_add(out_.data_begin, tensor.offset, tensor.offset) ||
          !checked_add(tensor.offset, tensor.bytes, end) ||
          !checked_pad(end - out_.data_begin, alignment_, expected))
        return corrupt("tensor " + in_quotes(tensor.name) + " ends where 64 bits end");
    }
    return {};
  }

  const File& file_;
  ByteReader in_;
  ParsedGguf out_;
  uint64_t n_tensors_ = 0, n_keys_ = 0, alignment_ = gguf_default_alignment;
};

}  // namespace

Result<ParsedGguf> parse_gguf_header(const File& file) {
  return Parser(file).parse();
}

Result<ParsedGguf> parse_gguf(const File& file) {
  FABULA_ASSIGN(ParsedGguf parsed, parse_gguf_header(file));
  for (const TensorInfo& tensor : parsed.tensors)
    if (tensor.offset + tensor.bytes > file.size_bytes())  // the sum was checked with the header
      return Error{ErrorCode::corrupt, file.path().string() + ": tensor " + in_quotes(tensor.name) +
                                           " needs " + std::to_string(tensor.bytes) + " bytes from byte " +
                                           std::to_string(tensor.offset) + ", but the file has only " +
                                           std::to_string(file.size_bytes()) +
                                           ": it is incomplete or damaged"};
  return parsed;
}

}  // namespace fabula::formats
