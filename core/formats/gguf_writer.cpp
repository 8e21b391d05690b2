#include "core/formats/gguf_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "core/base/file.h"
#include "core/formats/gguf.h"

namespace fabula::formats {

namespace {

constexpr size_t buffer_bytes = size_t{1} << 20;

template <class T>
void append(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_text(std::string& out, std::string_view text) {
  append(out, static_cast<uint64_t>(text.size()));
  out += text;
}

void append_value(std::string& out, const GgufValue& value) {
  if (value.is_array) append(out, static_cast<uint32_t>(GgufType::array));
  append(out, static_cast<uint32_t>(value.element));
  if (value.is_array) append(out, value.count);
  if (value.element != GgufType::string) {
    out += value.bytes;
    return;
  }
  for (uint64_t i = 0; i < value.count; ++i) append_text(out, *value.text_or_none(i));
}

}  // namespace

GgufWriter::~GgufWriter() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void GgufWriter::add_tensor(std::string name, DType type, std::vector<int64_t> shape) {
  int64_t elements = 1;
  for (const int64_t size : shape) elements *= size;
  tensors_.push_back({std::move(name), type, std::move(shape), row_bytes(type, elements)});
}

std::string GgufWriter::header() const {
  std::string out = "GGUF";
  append(out, uint32_t{3});
  append(out, static_cast<uint64_t>(tensors_.size()));
  append(out, static_cast<uint64_t>(metadata_.size()));
  const auto write_key = [&](const std::string& key, const GgufValue& value) {
    append_text(out, key);
    append_value(out, value);
  };
  const auto architecture = metadata_.find("general.architecture");
  if (architecture != metadata_.end()) write_key(architecture->first, architecture->second);
  for (auto at = metadata_.begin(); at != metadata_.end(); ++at)
    if (at != architecture) write_key(at->first, at->second);
  uint64_t offset = 0;
  for (const Tensor& tensor : tensors_) {
    append_text(out, tensor.name);
    append(out, static_cast<uint32_t>(tensor.shape.size()));
    for (size_t d = tensor.shape.size(); d-- > 0;) append(out, static_cast<uint64_t>(tensor.shape[d]));
    append(out, static_cast<uint32_t>(dtype_info(tensor.type).gguf_id));
    append(out, offset);
    offset += (tensor.bytes + gguf_default_alignment - 1) / gguf_default_alignment * gguf_default_alignment;
  }
  out.append((gguf_default_alignment - out.size() % gguf_default_alignment) % gguf_default_alignment, '\0');
  return out;
}

Status GgufWriter::begin(const std::filesystem::path& path) {
  for (const Tensor& tensor : tensors_) {
    const DTypeInfo& info = dtype_info(tensor.type);
    const bool fits = !tensor.name.empty() && tensor.name.size() < 64 && !tensor.shape.empty() &&
                      tensor.shape.size() <= 4 && info.gguf_id >= 0 &&
                      tensor.shape.back() % info.block_elements == 0;
    if (!fits)
      return Error{ErrorCode::invalid_argument,
                   "GGUF cannot hold the tensor \"" + tensor.name + "\" as " + std::string(info.name)};
  }
  metadata_.erase("general.alignment");  // what is written has the usual one
  path_ = path;
  std::string name = path.string() + ".XXXXXX";
  descriptor_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (descriptor_ < 0) return io_error("create a file beside", path, errno);
  temporary_ = name;
  const std::string head = header();
  return put(std::as_bytes(std::span(head)));
}

Status GgufWriter::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    if (current_ == tensors_.size())
      return Error{ErrorCode::invalid_argument, "more bytes were written than the tensors have"};
    const uint64_t missing = tensors_[current_].bytes - written_of_current_;
    const auto part = bytes.first(std::min<uint64_t>(missing, bytes.size()));
    FABULA_TRY(put(part));
    written_of_current_ += part.size();
    bytes = bytes.subspan(part.size());
    if (written_of_current_ < tensors_[current_].bytes) return {};
    FABULA_TRY(pad());
    ++current_;
    written_of_current_ = 0;
  }
  return {};
}

Status GgufWriter::pad() {
  const uint64_t rest = tensors_[current_].bytes % gguf_default_alignment;
  const std::byte zeros[gguf_default_alignment] = {};
  return rest == 0 ? Status() : put(std::span(zeros).first(gguf_default_alignment - rest));
}

Status GgufWriter::put(std::span<const std::byte> bytes) {
  buffer_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return buffer_.size() < buffer_bytes ? Status() : flush();
}

Status GgufWriter::flush() {
  for (size_t at = 0; at < buffer_.size();) {
    const ssize_t written = ::write(descriptor_, buffer_.data() + at, buffer_.size() - at);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return io_error("write", path_, errno);
    at += static_cast<size_t>(written);
  }
  buffer_.clear();
  return {};
}

Status GgufWriter::finish() {
  if (descriptor_ < 0 || current_ != tensors_.size())
    return Error{ErrorCode::invalid_argument, "not all tensors were written"};
  FABULA_TRY(flush());
  if (::fchmod(descriptor_, 0644) != 0) return io_error("write", path_, errno);
  if (::fsync(descriptor_) != 0) return io_error("sync", path_, errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return io_error("rename to", path_, errno);
  ::close(descriptor_);
  descriptor_ = -1;
  return {};
}

}  // namespace fabula::formats
