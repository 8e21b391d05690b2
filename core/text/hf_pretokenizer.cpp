#include "core/text/hf_pretokenizer.h"

#include <algorithm>
#include <functional>

#include "core/text/byte_alphabet.h"
#include "core/text/char_class.h"
#include "core/text/hf_json.h"

namespace fabula::text {

namespace {

enum class Behavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

struct Part {
  Match range;
  bool delimiter;
};

// Matches and what lies between them, over the whole of `text`.
void partition(const std::vector<Match>& matches, size_t size, bool invert, std::vector<Part>& parts) {
  parts.clear();
  size_t at = 0;
  for (const Match& match : matches) {
    if (match.begin > at) parts.push_back({{at, match.begin}, invert});
    parts.push_back({match, !invert});
    at = match.end;
  }
  if (at < size) parts.push_back({{at, size}, invert});
}

void merge_neighbours(std::vector<Part>& parts, Behavior behavior) {
  std::vector<Part> out;
  if (behavior == Behavior::merged_with_next) std::reverse(parts.begin(), parts.end());
  bool previous = false;
  for (const Part& part : parts) {
    const bool joins = behavior == Behavior::contiguous ? !out.empty() && part.delimiter == previous
                                                        : part.delimiter && !previous && !out.empty();
    if (!joins)
      out.push_back(part);
    else if (behavior == Behavior::merged_with_next)
      out.back().range.begin = part.range.begin;
    else
      out.back().range.end = part.range.end;
    previous = part.delimiter;
  }
  if (behavior == Behavior::merged_with_next) std::reverse(out.begin(), out.end());
  parts = std::move(out);
}

class Split final : public PreTokenizerStep {
 public:
  Split(std::unique_ptr<Splitter> splitter, Behavior behavior, bool invert)
      : splitter_(std::move(splitter)), behavior_(behavior), invert_(invert) {}

  void apply(Pieces& pieces) const override {
    std::vector<Match> spans, matches;
    std::vector<Part> parts;
    spans.reserve(pieces.spans.size() + pieces.text.size() / 4);
    for (const Match& span : pieces.spans) {
      matches.clear();
      splitter_->find_all(std::string_view(pieces.text).substr(span.begin, span.end - span.begin), matches);
      partition(matches, span.end - span.begin, invert_, parts);
      if (behavior_ != Behavior::isolated && behavior_ != Behavior::removed)
        merge_neighbours(parts, behavior_);
      for (const Part& part : parts) {
        const bool dropped = behavior_ == Behavior::removed && part.delimiter;
        if (!dropped && part.range.end > part.range.begin)
          spans.push_back({span.begin + part.range.begin, span.begin + part.range.end});
      }
    }
    pieces.spans = std::move(spans);
  }

 private:
  std::unique_ptr<Splitter> splitter_;
  Behavior behavior_;
  bool invert_;
};

// Every character of a kind is a match.
class CharacterSplitter final : public Splitter {
 public:
  explicit CharacterSplitter(std::function<bool(const CharAt&)> wanted) : wanted_(std::move(wanted)) {}
  void find_all(std::string_view text, std::vector<Match>& matches) const override {
    for (size_t at = 0; at < text.size();) {
      const CharAt c = char_at(text, at);
      if (wanted_(c)) matches.push_back({at, at + c.length});
      at += c.length;
    }
  }

 private:
  std::function<bool(const CharAt&)> wanted_;
};

enum class Place {
  beginning,
  continuation,
  within
};  // of a piece: where the user's text begins, goes on from another, else

// Rewrites every piece: rewrite(piece, place, out).
class Rewrite final : public PreTokenizerStep {
 public:
  using Function = std::function<void(std::string_view piece, Place place, std::string& out)>;
  explicit Rewrite(Function rewrite) : rewrite_(std::move(rewrite)) {}
  void apply(Pieces& pieces) const override {
    Pieces out;
    out.at_beginning = pieces.at_beginning && !pieces.spans.empty() && pieces.spans[0].begin == 0;
    out.continues = pieces.continues;
    const Place first = !out.at_beginning ? Place::within
                        : out.continues   ? Place::continuation
                                          : Place::beginning;
    out.text.reserve(pieces.text.size() + pieces.text.size() / 2);
    for (size_t i = 0; i < pieces.spans.size(); ++i) {
      const Match span = pieces.spans[i];
      const size_t begin = out.text.size();
      rewrite_(std::string_view(pieces.text).substr(span.begin, span.end - span.begin),
               i == 0 ? first : Place::within, out.text);
      if (out.text.size() > begin) out.spans.push_back({begin, out.text.size()});
    }
    pieces = std::move(out);
  }

 private:
  Function rewrite_;
};

bool is_bert_punctuation(const CharAt& c) {
  return c.is(kPunctuation) || (c.code_point < 128 && c.is(kSymbol));
}

using Steps = std::vector<std::unique_ptr<PreTokenizerStep>>;

void add_split(Steps& steps, std::unique_ptr<Splitter> splitter, Behavior behavior, bool invert = false) {
  steps.push_back(std::make_unique<Split>(std::move(splitter), behavior, invert));
}

void add_character_split(Steps& steps, std::function<bool(const CharAt&)> wanted, Behavior behavior) {
  add_split(steps, std::make_unique<CharacterSplitter>(std::move(wanted)), behavior);
}

Result<Behavior> behavior_of(const Json& json, std::string_view owner, std::string_view otherwise) {
  const std::string name = string_field_or(json, "behavior", otherwise);
  if (name == "Removed") return Behavior::removed;
  if (name == "Isolated") return Behavior::isolated;
  if (name == "MergedWithPrevious") return Behavior::merged_with_previous;
  if (name == "MergedWithNext") return Behavior::merged_with_next;
  if (name == "Contiguous") return Behavior::contiguous;
  return wrong_field(owner, "behavior", "a known behavior");
}

Status add_metaspace(const Json& json, Steps& steps) {
  const std::string replacement = string_field_or(json, "replacement", "\xe2\x96\x81");
  if (replacement.empty()) return wrong_field("Metaspace", "replacement", "a character");
  std::string scheme = string_field_or(json, "prepend_scheme", "");
  FABULA_ASSIGN(const bool prefix, bool_field_or(json, "Metaspace", "add_prefix_space", true));
  FABULA_ASSIGN(const bool split, bool_field_or(json, "Metaspace", "split", true));
  if (scheme.empty()) scheme = prefix ? "always" : "never";
  if (scheme != "always" && scheme != "never" && scheme != "first")
    return wrong_field("Metaspace", "prepend_scheme", "always, never or first");
  steps.push_back(
      std::make_unique<Rewrite>([replacement, scheme](std::string_view piece, Place place, std::string& out) {
        const size_t begin = out.size();
        for (const char c : piece) {
          if (c == ' ')
            out += replacement;
          else
            out += c;
        }
        const bool prepends = scheme == "always" ? place != Place::continuation
                                                 : scheme == "first" && place == Place::beginning;
        if (prepends && out.compare(begin, replacement.size(), replacement) != 0)
          out.insert(begin, replacement);
      }));
  if (split) add_split(steps, make_literal_splitter(replacement), Behavior::merged_with_next);
  return {};
}

Status add_step(const Json& json, PreTokenizerChain& chain, int depth);

Status add_byte_level(const Json& json, PreTokenizerChain& chain) {
  FABULA_ASSIGN(const bool prefix, bool_field_or(json, "ByteLevel", "add_prefix_space", true));
  FABULA_ASSIGN(const bool expression, bool_field_or(json, "ByteLevel", "use_regex", true));
  if (prefix)
    chain.steps.push_back(
        std::make_unique<Rewrite>([](std::string_view piece, Place place, std::string& out) {
          if (!piece.starts_with(' ') && place != Place::continuation) out += ' ';
          out += piece;
        }));
  if (expression)
    add_split(chain.steps, make_scanner({.family = ScanRules::Family::gpt2}), Behavior::isolated);
  chain.ends_in_byte_alphabet = true;
  return {};
}

Status add_sequence(const Json& json, PreTokenizerChain& chain, int depth) {
  const Json& list = field_or_null(json, "pretokenizers");
  if (!list.is_array()) return wrong_field("pre_tokenizer", "pretokenizers", "a list");
  for (const Json& item : list) FABULA_TRY(add_step(item, chain, depth + 1));
  return {};
}

Status add_split_step(const Json& json, Steps& steps) {
  FABULA_ASSIGN(auto pattern, make_pattern(field_or_null(json, "pattern"), "Split"));
  FABULA_ASSIGN(const Behavior behavior, behavior_of(json, "Split", ""));
  FABULA_ASSIGN(const bool invert, bool_field_or(json, "Split", "invert", false));
  add_split(steps, std::move(pattern), behavior, invert);
  return {};
}

Status add_step(const Json& json, PreTokenizerChain& chain, int depth) {
  if (depth > 16) return wrong_field("pre_tokenizer", "pretokenizers", "nested less deeply");
  const std::string type = string_field_or(json, "type", "");
  if (type == "Sequence") return add_sequence(json, chain, depth);
  if (chain.ends_in_byte_alphabet) {  // something follows the alphabet and sees it
    chain.steps.push_back(make_byte_alphabet_step());
    chain.ends_in_byte_alphabet = false;
  }
  Steps& steps = chain.steps;
  if (type == "ByteLevel") return add_byte_level(json, chain);
  if (type == "Split") return add_split_step(json, steps);
  if (type == "Metaspace") return add_metaspace(json, steps);
  const auto whitespace = [](const CharAt& c) { return c.is(kWhitespace); };
  if (type == "WhitespaceSplit") {
    add_character_split(steps, whitespace, Behavior::removed);
  } else if (type == "Whitespace") {
    // \w+|[^\w\s]+ with Rust's \w: Alphabetic, M, Nd, Pc, Join_Control.
    static constexpr std::string_view kWord =
        R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{200c}\x{200d}\x{24b6}-\x{24e9}\x{1f130}-\x{1f149}\x{1f150}-\x{1f169}\x{1f170}-\x{1f189})";
    std::string expression("[");
    expression.append(kWord).append("]+|[^\\s").append(kWord).append("]+");
    FABULA_ASSIGN(auto words, make_splitter(expression, RegexSyntax::oniguruma));
    add_split(steps, std::move(words), Behavior::removed, true);
  } else if (type == "BertPreTokenizer") {
    add_character_split(steps, whitespace, Behavior::removed);
    add_character_split(steps, is_bert_punctuation, Behavior::isolated);
  } else if (type == "Digits") {
    FABULA_ASSIGN(const bool individual, bool_field_or(json, "Digits", "individual_digits", false));
    add_character_split(
        steps, [](const CharAt& c) { return c.is(kNumber); },
        individual ? Behavior::isolated : Behavior::contiguous);
  } else if (type == "Punctuation") {
    FABULA_ASSIGN(const Behavior behavior, behavior_of(json, "Punctuation", "Isolated"));
    add_character_split(steps, is_bert_punctuation, behavior);
  } else if (type == "CharDelimiterSplit") {
    FABULA_ASSIGN(std::string delimiter, string_field(json, "CharDelimiterSplit", "delimiter"));
    add_split(steps, make_literal_splitter(std::move(delimiter)), Behavior::removed);
  } else {
    return unknown_type("pre-tokenizer", type);
  }
  return {};
}

}  // namespace

std::unique_ptr<PreTokenizerStep> make_byte_alphabet_step() {
  return std::make_unique<Rewrite>(
      [](std::string_view piece, Place, std::string& out) { out += to_byte_alphabet(piece); });
}

Result<std::unique_ptr<Splitter>> make_pattern(const Json& json, std::string_view owner) {
  const Json &literal = field_or_null(json, "String"), &expression = field_or_null(json, "Regex");
  if (literal.is_string()) return make_literal_splitter(literal.get<std::string>());
  if (expression.is_string())
    return make_splitter(expression.get_ref<const std::string&>(), RegexSyntax::oniguruma);
  return wrong_field(owner, "pattern", "{\"String\": ...} or {\"Regex\": ...}");
}

Result<PreTokenizerChain> make_pretokenizer(const Json& json) {
  PreTokenizerChain chain;
  if (json.is_null()) return chain;
  FABULA_TRY(add_step(json, chain, 0));
  return chain;
}

}  // namespace fabula::text
