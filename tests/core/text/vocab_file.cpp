#include "tests/core/text/vocab_file.h"

#include <doctest/doctest.h>

#include <cstring>
#include <functional>
#include <map>

#include "tests/support/support.h"

namespace fabula::test {

namespace {

class Reader {
 public:
  explicit Reader(const std::string& bytes) : bytes_(bytes) {}
  template <class T>
  T take() {
    if (at_ + sizeof(T) > bytes_.size()) FAIL("cut off");
    T value;
    std::memcpy(&value, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }
  std::string text() {
    const auto length = take<uint64_t>();
    if (length > bytes_.size() - at_) FAIL("cut off");
    at_ += length;
    return bytes_.substr(at_ - length, length);
  }
  // Values of GGUF's types as whatever the caller takes; numbers as double.
  void value(uint32_t type, const std::function<void(double)>& number,
             const std::function<void(std::string)>& string) {
    switch (type) {
      case 0:
      case 7: return number(take<uint8_t>());
      case 1: return number(take<int8_t>());
      case 2: return number(take<uint16_t>());
      case 3: return number(take<int16_t>());
      case 4: return number(take<uint32_t>());
      case 5: return number(take<int32_t>());
      case 6: return number(static_cast<double>(take<float>()));
      case 8: return string(text());
      case 9: {
        const auto element = take<uint32_t>();
        for (auto n = take<uint64_t>(); n > 0; --n) value(element, number, string);
        return;
      }
      case 10: return number(static_cast<double>(take<uint64_t>()));
      case 11: return number(static_cast<double>(take<int64_t>()));
      case 12: return number(take<double>());
      default: FAIL("unknown GGUF type " << type);
    }
  }

 private:
  const std::string& bytes_;
  size_t at_ = 0;
};

}  // namespace

text::VocabSpec read_vocab_file(const std::filesystem::path& path) {
  const std::string bytes = read_text(path);
  Reader reader(bytes);
  REQUIRE(reader.take<uint32_t>() == 0x46554747);
  reader.take<uint32_t>();
  reader.take<uint64_t>();
  text::VocabSpec spec;
  const std::map<std::string, int32_t*> numbers{{"bos_token_id", &spec.bos},
                                                {"eos_token_id", &spec.eos},
                                                {"eot_token_id", &spec.eot},
                                                {"eom_token_id", &spec.eom},
                                                {"unknown_token_id", &spec.unknown},
                                                {"padding_token_id", &spec.padding},
                                                {"add_bos_token", &spec.add_bos},
                                                {"add_eos_token", &spec.add_eos},
                                                {"add_space_prefix", &spec.add_space_prefix}};
  for (auto n = reader.take<uint64_t>(); n > 0; --n) {
    std::string key = reader.text();
    const bool name = key == "general.name";
    if (key.rfind("tokenizer.ggml.", 0) == 0) key = key.substr(15);
    const auto known = numbers.find(key);
    const auto number = [&](double value) {
      if (key == "scores") spec.scores.push_back(static_cast<float>(value));
      if (key == "token_type") spec.token_types.push_back(static_cast<int32_t>(value));
      if (known != numbers.end()) *known->second = static_cast<int32_t>(value);
    };
    reader.value(reader.take<uint32_t>(), number, [&](std::string value) {
      if (key == "tokens")
        spec.tokens.push_back(std::move(value));
      else if (key == "merges")
        spec.merges.push_back(std::move(value));
      else if (key == "model")
        spec.model = std::move(value);
      else if (key == "pre")
        spec.pre = std::move(value);
      else if (name)
        spec.model_name = std::move(value);
    });
  }
  return spec;
}

}  // namespace fabula::test
