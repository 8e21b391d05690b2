#include "core/text/vocab_tokenizer.h"

namespace fabula::text {

namespace {

// llama.cpp's clean_spaces, byte by byte. Three passes over a whole text there, three small stages with
// look-ahead here: the space before ? ! . , goes; an apostrophe between two spaces loses both; the space
// before 's 'm 're 've goes.
class SpaceBeforePunctuation {
 public:
  template <class Next>
  void push(char c, Next&& next) {
    if (held_ && !(c == '?' || c == '!' || c == '.' || c == ',')) next(' ');
    held_ = c == ' ';
    if (!held_) next(c);
  }
  template <class Next>
  void finish(Next&& next) {
    if (held_) next(' ');
  }

 private:
  bool held_ = false;
};

class LoneApostrophe {
 public:
  template <class Next>
  void push(char c, Next&& next) {
    window_ += c;
    drain(next, false);
  }
  template <class Next>
  void finish(Next&& next) {
    drain(next, true);
  }

 private:
  template <class Next>
  void drain(Next&& next, bool last) {
    while (!window_.empty()) {
      if (window_[0] == ' ') {
        if (window_.size() < 3 && !last && std::string_view(" ' ").substr(0, window_.size()) == window_)
          return;
        if (window_.compare(0, 3, " ' ") ==
            0) {  // the space before and the one behind go; what follows is judged anew
          next('\'');
          window_.erase(0, 3);
          continue;
        }
      }
      next(window_[0]);
      window_.erase(0, 1);
    }
  }
  std::string window_;
};

class SpaceBeforeContraction {
 public:
  template <class Next>
  void push(char c, Next&& next) {
    window_ += c;
    drain(next, false);
  }
  template <class Next>
  void finish(Next&& next) {
    drain(next, true);
  }

 private:
  template <class Next>
  void drain(Next&& next, bool last) {
    while (!window_.empty()) {
      if (window_[0] == ' ') {
        const bool undecided =
            window_.size() < 2 || (window_[1] == '\'' && window_.size() < 4 && !decided_early());
        if (undecided && !last) return;
        if (takes_space()) {
          window_.erase(0, 1);
          continue;
        }
      }
      next(window_[0]);
      window_.erase(0, 1);
    }
  }
  bool decided_early() const { return window_.size() == 3 && window_[2] != 'r' && window_[2] != 'v'; }
  bool takes_space() const {
    if (window_.size() < 3 || window_[1] != '\'') return false;
    if (window_[2] == 's' || window_[2] == 'm') return true;
    return window_.size() >= 4 && (window_[2] == 'r' || window_[2] == 'v') && window_[3] == 'e';
  }
  std::string window_;
};

class VocabStream final : public DecodeStream {
 public:
  VocabStream(const Tokenizer& tokenizer, const VocabDecodeRules& rules, bool keep_special, bool continues)
      : tokenizer_(tokenizer),
        rules_(rules),
        keep_special_(keep_special),
        first_(!continues),
        strip_(rules.space_prefix && !continues) {}

  void push(TokenId id, std::string& out) override {
    if (first_ && !keep_special_ && id == rules_.leading_bos) strip_ = false;
    first_ = false;
    std::string piece = tokenizer_.token_bytes(id, keep_special_);
    if (strip_ && !piece.empty() && piece[0] == ' ') piece.erase(0, 1);
    strip_ = false;
    write(piece, out);
  }

  void finish(std::string& out) override {
    if (rules_.clean_spaces) {
      const auto emit = [&](char c) { out += utf8_.push({&c, 1}); };
      const auto third = [&](char c) { contraction_.push(c, emit); };
      const auto second = [&](char c) { apostrophe_.push(c, third); };
      punctuation_.finish(second);
      apostrophe_.finish(third);
      contraction_.finish(emit);
    }
    out += utf8_.finish();
  }

 private:
  void write(const std::string& bytes, std::string& out) {
    if (!rules_.clean_spaces) {
      out += utf8_.push(bytes);
      return;
    }
    std::string cleaned;
    const auto emit = [&](char c) { cleaned += c; };
    const auto third = [&](char c) { contraction_.push(c, emit); };
    const auto second = [&](char c) { apostrophe_.push(c, third); };
    for (const char c : bytes) punctuation_.push(c, second);
    out += utf8_.push(cleaned);
  }

  const Tokenizer& tokenizer_;
  VocabDecodeRules rules_;
  bool keep_special_, first_, strip_;
  SpaceBeforePunctuation punctuation_;
  LoneApostrophe apostrophe_;
  SpaceBeforeContraction contraction_;
  Utf8Stream utf8_;
};

}  // namespace

std::unique_ptr<DecodeStream> make_vocab_stream(const Tokenizer& tokenizer, const VocabDecodeRules& rules,
                                                bool keep_special, bool continues) {
  return std::make_unique<VocabStream>(tokenizer, rules, keep_special, continues);
}

}  // namespace fabula::text
