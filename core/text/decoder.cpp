#include "core/text/decoder.h"

#include <functional>
#include <optional>

#include "core/base/utf8.h"
#include "core/text/byte_alphabet.h"
#include "core/text/hf_json.h"
#include "core/text/hf_pretokenizer.h"

namespace fabula::text {

namespace {

using Out = std::vector<std::string>;

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  if (what.empty()) return text;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
  return text;
}

// A function of one token and of whether it is the first.
class TokenStage final : public DecoderStage {
 public:
  using Function = std::function<std::string(std::string token, bool first)>;
  TokenStage(Function function, bool continues) : function_(std::move(function)), first_(!continues) {}
  void push(std::string token, Out& out) override {
    out.push_back(function_(std::move(token), first_));
    first_ = false;
  }

 private:
  Function function_;
  bool first_;
};

// Bytes in GPT-2's alphabet; a token that is not of it stands for its own text. What is no UTF-8 becomes
// U+FFFD.
class ByteLevelStage final : public DecoderStage {
 public:
  void push(std::string token, Out& out) override {
    std::string bytes;
    out.push_back(utf8_.push(from_byte_alphabet(token, bytes) ? bytes : token));
  }
  void finish(Out& out) override { out.push_back(utf8_.finish()); }

 private:
  Utf8Stream utf8_;
};

// <0xNN> tokens: a run of them is UTF-8 as a whole, or every byte of it is U+FFFD.
class ByteFallbackStage final : public DecoderStage {
 public:
  void push(std::string token, Out& out) override {
    if (const auto byte = byte_of(token)) {
      run_ += *byte;
      return;
    }
    finish(out);
    out.push_back(std::move(token));
  }
  void finish(Out& out) override {
    if (run_.empty()) return;
    if (is_valid_utf8(run_)) {
      out.push_back(run_);
    } else {
      for (size_t i = 0; i < run_.size(); ++i) out.emplace_back("\xef\xbf\xbd");
    }
    run_.clear();
  }

 private:
  static std::optional<char> byte_of(std::string_view token) {
    if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return std::nullopt;
    int value = 0;
    for (const char c : token.substr(3, 2)) {
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                               : -1;
      if (digit < 0) return std::nullopt;
      value = value * 16 + digit;
    }
    return static_cast<char>(value);
  }
  std::string run_;
};

// Behind Fuse there is one token, the whole text: up to `start` characters of it go at its beginning, up to
// `stop` at its end.
class FusedStripStage final : public DecoderStage {
 public:
  FusedStripStage(std::string content, size_t start, size_t stop)
      : content_(std::move(content)), start_(start), stop_(stop) {}
  void push(std::string token, Out& out) override {
    held_ += token;
    while (start_ > 0 && held_.starts_with(content_)) {
      held_.erase(0, content_.size());
      --start_;
    }
    if (held_.empty()) return;
    start_ = 0;
    // What may yet be the end stays: at most `stop` times the content.
    size_t tail = 0;
    while (tail < stop_ && held_.size() >= (tail + 1) * content_.size() &&
           held_.compare(held_.size() - (tail + 1) * content_.size(), content_.size(), content_) == 0)
      ++tail;
    const size_t ready = held_.size() - tail * content_.size();
    if (ready == 0) return;
    out.push_back(held_.substr(0, ready));
    held_.erase(0, ready);
  }

 private:
  std::string content_;
  size_t start_, stop_;
  std::string held_;
};

// Behind Fuse a function of the whole text waits for the end of it.
class WholeTextStage final : public DecoderStage {
 public:
  explicit WholeTextStage(TokenStage::Function function) : function_(std::move(function)) {}
  void push(std::string token, Out&) override { text_ += token; }
  void finish(Out& out) override { out.push_back(function_(std::move(text_), true)); }

 private:
  TokenStage::Function function_;
  std::string text_;
};

// The last token ends its word without a space.
class BpeStage final : public DecoderStage {
 public:
  explicit BpeStage(std::string suffix) : suffix_(std::move(suffix)) {}
  void push(std::string token, Out& out) override {
    if (held_) out.push_back(replaced(std::move(*held_), suffix_, " "));
    held_ = std::move(token);
  }
  void finish(Out& out) override {
    if (held_) out.push_back(replaced(std::move(*held_), suffix_, ""));
    held_.reset();
  }

 private:
  std::string suffix_;
  std::optional<std::string> held_;
};

template <class Stage>
class StageDecoder final : public Decoder {
 public:
  explicit StageDecoder(std::function<std::unique_ptr<Stage>(bool continues)> make)
      : make_(std::move(make)) {}
  void add_stages(std::vector<std::unique_ptr<DecoderStage>>& stages, bool continues) const override {
    stages.push_back(make_(continues));
  }

 private:
  std::function<std::unique_ptr<Stage>(bool)> make_;
};

class SequenceDecoder final : public Decoder {
 public:
  explicit SequenceDecoder(std::vector<std::unique_ptr<Decoder>> parts) : parts_(std::move(parts)) {}
  void add_stages(std::vector<std::unique_ptr<DecoderStage>>& stages, bool continues) const override {
    for (const auto& part : parts_) part->add_stages(stages, continues);
  }

 private:
  std::vector<std::unique_ptr<Decoder>> parts_;
};

using Made = Result<std::unique_ptr<Decoder>>;

template <class Stage>
std::unique_ptr<Decoder> stage(std::function<std::unique_ptr<Stage>(bool)> make) {
  return std::make_unique<StageDecoder<Stage>>(std::move(make));
}

std::unique_ptr<Decoder> token_decoder(TokenStage::Function function, bool fused) {
  if (fused)
    return stage<WholeTextStage>([function](bool) { return std::make_unique<WholeTextStage>(function); });
  return stage<TokenStage>(
      [function](bool continues) { return std::make_unique<TokenStage>(function, continues); });
}

std::string cleaned(std::string text) {
  static constexpr std::pair<std::string_view, std::string_view> kRules[] = {
      {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},   {" n't", "n't"},
      {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [what, with] : kRules) text = replaced(std::move(text), what, with);
  return text;
}

Made make_metaspace(const Json& json, bool fused) {
  const std::string block = string_field_or(json, "replacement", "\xe2\x96\x81");
  FABULA_ASSIGN(const bool prefix, bool_field_or(json, "Metaspace", "add_prefix_space", true));
  const bool never = string_field_or(json, "prepend_scheme", prefix ? "always" : "never") == "never";
  return token_decoder(
      [block, never](std::string token, bool first) {
        return replaced(std::move(token), block, first && !never ? "" : " ");
      },
      fused);
}

Made make_word_piece(const Json& json, bool fused) {
  const std::string prefix = string_field_or(json, "prefix", "##");
  FABULA_ASSIGN(const bool cleanup, bool_field_or(json, "WordPiece", "cleanup", true));
  return token_decoder(
      [prefix, cleanup](std::string token, bool first) {
        if (!first) {
          if (token.starts_with(prefix))
            token.erase(0, prefix.size());
          else
            token.insert(0, 1, ' ');
        }
        return cleanup ? cleaned(std::move(token)) : token;
      },
      fused);
}

Made make_replace(const Json& json, bool fused) {
  FABULA_ASSIGN(std::string content, string_field(json, "Replace", "content"));
  FABULA_ASSIGN(auto made, make_pattern(field_or_null(json, "pattern"), "Replace"));
  const std::shared_ptr<const Splitter> pattern(std::move(made));
  return token_decoder(
      [pattern, content](std::string token, bool) {
        std::vector<Match> matches;
        pattern->find_all(token, matches);
        std::string out;
        size_t at = 0;
        for (const Match& match : matches) {
          out.append(token, at, match.begin - at).append(content);
          at = match.end;
        }
        return out.append(token, at);
      },
      fused);
}

Made make_strip(const Json& json, bool fused) {
  FABULA_ASSIGN(const std::string content, string_field(json, "Strip", "content"));
  const auto count = [&](std::string_view key) -> Result<size_t> {
    const Json& value = field_or_null(json, key);
    if (!value.is_number_integer() || value.get<int64_t>() < 0 || value.get<int64_t>() > 1 << 20)
      return wrong_field("Strip", key, "a count");
    return static_cast<size_t>(value.get<int64_t>());
  };
  FABULA_ASSIGN(const size_t start, count("start"));
  FABULA_ASSIGN(const size_t stop, count("stop"));
  if (content.empty()) return wrong_field("Strip", "content", "a character");
  if (fused)
    return stage<FusedStripStage>([=](bool continues) {
      return std::make_unique<FusedStripStage>(content, continues ? 0 : start, stop);
    });
  return token_decoder(
      [=](std::string token, bool) {
        for (size_t i = 0; i < start && token.starts_with(content); ++i) token.erase(0, content.size());
        for (size_t i = 0; i < stop && token.ends_with(content); ++i)
          token.resize(token.size() - content.size());
        return token;
      },
      false);
}

// `fused`: a stage before this one has made one token of everything.
Made make(const Json& json, bool& fused, int depth) {
  if (depth > 16) return wrong_field("decoder", "decoders", "nested less deeply");
  FABULA_ASSIGN(const std::string type, type_of(json, "decoder"));
  if (type == "Sequence") {
    const Json& list = field_or_null(json, "decoders");
    if (!list.is_array()) return wrong_field("decoder", "decoders", "a list");
    std::vector<std::unique_ptr<Decoder>> parts;
    for (const Json& item : list) {
      FABULA_ASSIGN(auto part, make(item, fused, depth + 1));
      parts.push_back(std::move(part));
    }
    return std::unique_ptr<Decoder>(std::make_unique<SequenceDecoder>(std::move(parts)));
  }
  if (type == "Metaspace") return make_metaspace(json, fused);
  if (type == "WordPiece") return make_word_piece(json, fused);
  if (type == "Replace") return make_replace(json, fused);
  if (type == "Strip") return make_strip(json, fused);
  if (type == "ByteFallback")
    return stage<ByteFallbackStage>([](bool) { return std::make_unique<ByteFallbackStage>(); });
  if (type == "ByteLevel") {
    fused = true;
    return stage<ByteLevelStage>([](bool) { return std::make_unique<ByteLevelStage>(); });
  }
  if (type == "BPEDecoder") {
    const std::string suffix = string_field_or(json, "suffix", "</w>");
    return stage<BpeStage>([suffix](bool) { return std::make_unique<BpeStage>(suffix); });
  }
  if (type == "Fuse") {
    fused = true;
    return std::unique_ptr<Decoder>(
        std::make_unique<SequenceDecoder>(std::vector<std::unique_ptr<Decoder>>()));
  }
  return unknown_type("decoder", type);
}

}  // namespace

Made make_decoder(const Json& json) {
  if (json.is_null())
    return token_decoder([](std::string token, bool first) { return first ? token : " " + token; }, false);
  bool fused = false;
  return make(json, fused, 0);
}

}  // namespace fabula::text
