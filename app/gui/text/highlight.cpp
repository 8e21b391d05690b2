#include "app/gui/text/highlight.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

namespace fabula::text {

namespace {

struct Language {
  std::string_view names;  // as keywords
  std::string_view line_comment;
  std::string_view second_line_comment;
  bool block_comments;      // /* */
  std::string_view quotes;  // characters that open a string
  bool triple_quotes;
  bool any_case;              // SQL
  std::string_view keywords;  // words between spaces, with a space at both ends
};

constexpr std::string_view c_family =
    " alignas auto bool break case catch char class concept const constexpr consteval const_cast continue "
    "co_await co_return co_yield "
    "default delete do double dynamic_cast else enum explicit export extern false float for friend goto if "
    "inline int long mutable "
    "namespace new noexcept nullptr NULL operator override private protected public register "
    "reinterpret_cast requires return short "
    "signed sizeof static static_cast struct switch template this throw true try typedef typename union "
    "unsigned using virtual void "
    "volatile while #include #define #ifdef #ifndef #endif #if #else #pragma ";

const std::array<Language, 12>& languages() {
  static const std::array<Language, 12> list = {{
      {" c cpp c++ h hpp cc cuda cu objc ", "//", "", true, "\"'", false, false, c_family},
      {" python py python3 ", "#", "", false, "\"'", true, false,
       " and as assert async await break class continue def del elif else except False finally for from "
       "global if import in is lambda "
       "match case None nonlocal not or pass raise return True try while with yield self "},
      {" javascript js typescript ts jsx tsx mjs ", "//", "", true, "\"'`", false, false,
       " abstract any as async await boolean break case catch class const continue debugger default delete "
       "do else enum export extends "
       "false finally for from function get if implements import in instanceof interface let new null number "
       "of private protected public "
       "readonly return set static string super switch this throw true try type typeof undefined var void "
       "while with yield "},
      {" java kotlin kt scala ", "//", "", true, "\"'", true, false,
       " abstract assert boolean break byte case catch char class const continue data default do double else "
       "enum extends final finally "
       "float for fun if implements import in instanceof int interface is long native new null object "
       "override package private protected "
       "public return sealed short static super switch synchronized this throw throws true false try val var "
       "void volatile when while "},
      {" csharp cs c# ", "//", "", true, "\"'", false, false,
       " abstract as async await base bool break byte case catch char class const continue decimal default "
       "delegate do double else enum "
       "event explicit extern false finally float for foreach get if implicit in int interface internal is "
       "lock long namespace new null "
       "object operator out override params private protected public readonly record ref return sealed set "
       "short static string struct "
       "switch this throw true try typeof uint ulong unsafe using var virtual void volatile where while "
       "yield "},
      {" go golang ", "//", "", true, "\"'`", false, false,
       " break case chan const continue default defer else fallthrough false for func go goto if import "
       "interface map nil package range "
       "return select string struct switch true type var int int64 float64 bool byte rune error "},
      {" rust rs ", "//", "", true, "\"", false, false,
       " as async await bool break char const continue crate dyn else enum extern f32 f64 false fn for i32 "
       "i64 if impl in let loop match "
       "mod move mut pub ref return self Self static str String struct super trait true type u8 u32 u64 "
       "unsafe use usize where while "},
      {" bash sh shell zsh console ", "#", "", false, "\"'", false, false,
       " if then else elif fi case esac for while until do done in function return exit export local "
       "readonly set unset source echo cd "},
      {" sql sqlite mysql postgresql ", "--", "", true, "\"'", false, true,
       " select from where insert into values update set delete create table index view drop alter add "
       "primary key foreign references not "
       "null and or in is like between join left right inner outer on group by order having limit offset as "
       "distinct union all case when "
       "then else end begin commit rollback count sum avg min max default unique integer text real exists "},
      {" json jsonc ", "//", "", false, "\"", false, false, " true false null "},
      {" yaml yml toml ini ", "#", ";", false, "\"'", false, false, " true false null yes no on off "},
      {" lua haskell hs ", "--", "", false, "\"'", false, false,
       " and break do else elseif end false for function goto if in local nil not or repeat return then true "
       "until while let where module "
       "import data type class instance case of "},
  }};
  return list;
}

// `words` has a space before and after each.
bool contains_word(std::string_view words, std::string_view word) {
  if (word.empty() || word.find(' ') != std::string_view::npos) return false;
  for (size_t at = words.find(word); at != std::string_view::npos; at = words.find(word, at + 1))
    if (words[at - 1] == ' ' && words[at + word.size()] == ' ') return true;
  return false;
}

const Language* find_language(std::string_view name) {
  for (const Language& language : languages())
    if (contains_word(language.names, name)) return &language;
  return nullptr;
}

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}

bool is_keyword(const Language& language, std::string_view word) {
  if (!language.any_case) return contains_word(language.keywords, word);
  std::string lower(word);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
  return contains_word(language.keywords, lower);
}

class Lexer {
 public:
  Lexer(std::string_view code, const Language& language) : code_(code), language_(language) {}

  std::vector<CodeSpan> run() {
    while (at_ < code_.size()) {
      if (!comment() && !string() && !word()) ++at_;
    }
    return std::move(out_);
  }

 private:
  bool begins(std::string_view what) const { return !what.empty() && code_.substr(at_, what.size()) == what; }

  void emit(size_t end, CodeKind kind) {
    end = std::min(end, code_.size());
    out_.push_back({at_, end, kind});
    at_ = end;
  }

  bool comment() {
    if (begins(language_.line_comment) || begins(language_.second_line_comment)) {
      if (language_.line_comment == "#" && at_ > 0 && is_word(code_[at_ - 1])) return false;
      return emit(code_.find('\n', at_), CodeKind::comment), true;
    }
    if (!language_.block_comments || !begins("/*")) return false;
    const size_t end = code_.find("*/", at_ + 2);
    return emit(end == std::string_view::npos ? end : end + 2, CodeKind::comment), true;
  }

  bool string() {
    const char quote = code_[at_];
    if (language_.quotes.find(quote) == std::string_view::npos) return false;
    const std::string triple(3, quote);
    if (language_.triple_quotes && begins(triple)) {
      const size_t end = code_.find(triple, at_ + 3);
      return emit(end == std::string_view::npos ? end : end + 3, CodeKind::string), true;
    }
    size_t end = at_ + 1;
    while (end < code_.size() && code_[end] != quote && (code_[end] != '\n' || quote == '`'))
      end += code_[end] == '\\' ? 2 : 1;
    if (end < code_.size() && code_[end] == '\n') return emit(end, CodeKind::string), true;
    return emit(end + 1, CodeKind::string), true;
  }

  bool word() {
    const bool directive = code_[at_] == '#';
    if (!is_word(code_[at_]) && !directive) return false;
    size_t end = at_ + 1;
    const bool number = std::isdigit(static_cast<unsigned char>(code_[at_])) != 0;
    while (end < code_.size() && (is_word(code_[end]) || (number && code_[end] == '.'))) ++end;
    if (number)
      emit(end, CodeKind::number);
    else if (is_keyword(language_, code_.substr(at_, end - at_)))
      emit(end, CodeKind::keyword);
    else
      at_ = end;
    return true;
  }

  std::string_view code_;
  const Language& language_;
  size_t at_ = 0;
  std::vector<CodeSpan> out_;
};

}  // namespace

std::vector<CodeSpan> highlight(std::string_view code, std::string_view language) {
  const Language* found = find_language(language);
  return found ? Lexer(code, *found).run() : std::vector<CodeSpan>{};
}

}  // namespace fabula::text
