#include "app/gui/text/markdown.h"

#include <md4c.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <utility>

#include "core/base/utf8.h"

namespace fabula::text {

namespace {

constexpr float code_scale = 0.9f;

// The entities that people and models write; others stay as they are.
std::string decode_entity(std::string_view entity) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 20> named = {{
      {"&amp;", "&"},       {"&lt;", "<"},     {"&gt;", ">"},     {"&quot;", "\""}, {"&apos;", "'"},
      {"&nbsp;", "\u00a0"}, {"&copy;", "©"},   {"&reg;", "®"},    {"&deg;", "°"},   {"&plusmn;", "±"},
      {"&times;", "×"},     {"&divide;", "÷"}, {"&hellip;", "…"}, {"&mdash;", "—"}, {"&ndash;", "–"},
      {"&lsquo;", "‘"},     {"&rsquo;", "’"},  {"&ldquo;", "“"},  {"&rdquo;", "”"}, {"&euro;", "€"},
  }};
  for (const auto& [name, value] : named)
    if (entity == name) return std::string(value);
  if (entity.size() > 3 && entity[1] == '#') {
    const bool hex = entity[2] == 'x' || entity[2] == 'X';
    const unsigned long value =
        std::strtoul(std::string(entity.substr(hex ? 3 : 2)).c_str(), nullptr, hex ? 16 : 10);
    std::string out;
    append_utf8(out, value == 0 ? 0xFFFD : static_cast<char32_t>(std::min(value, 0x110000ul)));
    return out;
  }
  return std::string(entity);
}

bool is_web_link(std::string_view url) {
  const auto begins = [&](std::string_view scheme) {
    return url.size() > scheme.size() &&
           std::equal(scheme.begin(), scheme.end(), url.begin(),
                      [](char a, char b) { return a == std::tolower(static_cast<unsigned char>(b)); });
  };
  const bool clean = std::none_of(url.begin(), url.end(),
                                  [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F; });
  return clean && (begins("http://") || begins("https://"));
}

struct Container {
  bool quote = false;
  bool ordered = false;
  bool tight = false;
  unsigned number = 1;
  unsigned items = 0;
};

// Collects md4c's events. Containers are flattened: a block knows how deep it stands.
class Reader {
 public:
  Markdown take() && { return std::move(out_); }

  void enter(MD_BLOCKTYPE type, void* detail) {
    switch (type) {
      case MD_BLOCK_QUOTE: push({true}); break;
      case MD_BLOCK_UL: push({false, false, static_cast<MD_BLOCK_UL_DETAIL*>(detail)->is_tight != 0}); break;
      case MD_BLOCK_OL: {
        const auto& list = *static_cast<MD_BLOCK_OL_DETAIL*>(detail);
        push({false, true, list.is_tight != 0, list.start});
        break;
      }
      case MD_BLOCK_LI: enter_item(*static_cast<MD_BLOCK_LI_DETAIL*>(detail)); break;
      case MD_BLOCK_H:
        begin(BlockKind::heading).level = static_cast<int>(static_cast<MD_BLOCK_H_DETAIL*>(detail)->level);
        break;
      case MD_BLOCK_CODE: enter_code(static_cast<MD_BLOCK_CODE_DETAIL*>(detail)->lang); break;
      case MD_BLOCK_HR: begin(BlockKind::rule), end(); break;
      case MD_BLOCK_P:
      case MD_BLOCK_HTML: begin(BlockKind::paragraph); break;
      case MD_BLOCK_TABLE: begin(BlockKind::table); break;
      case MD_BLOCK_TR: block().rows.emplace_back(); break;
      case MD_BLOCK_TH:
      case MD_BLOCK_TD: enter_cell(type == MD_BLOCK_TH, *static_cast<MD_BLOCK_TD_DETAIL*>(detail)); break;
      default: break;
    }
  }

  void leave(MD_BLOCKTYPE type) {
    switch (type) {
      case MD_BLOCK_QUOTE:
      case MD_BLOCK_UL:
      case MD_BLOCK_OL: containers_.pop_back(); break;
      case MD_BLOCK_LI: leave_item(); break;
      case MD_BLOCK_CODE:
        if (!block().content.text.empty() && block().content.text.back() == '\n')
          block().content.text.pop_back();
        end();
        break;
      case MD_BLOCK_TH:
      case MD_BLOCK_TD: block().rows.back().push_back(std::exchange(inline_, {})); break;
      case MD_BLOCK_TABLE: end(); break;
      case MD_BLOCK_H:
      case MD_BLOCK_P:
      case MD_BLOCK_HTML: end(); break;
      default: break;
    }
  }

  void enter(MD_SPANTYPE type, void* detail) {
    ensure_block();
    switch (type) {
      case MD_SPAN_EM: ++emphasis_; break;
      case MD_SPAN_STRONG: ++strong_; break;
      case MD_SPAN_A: open_link(static_cast<MD_SPAN_A_DETAIL*>(detail)->href); break;
      case MD_SPAN_CODE: code_begin_ = inline_.text.size(); break;
      case MD_SPAN_DEL: strike_begin_ = inline_.text.size(); break;
      case MD_SPAN_LATEXMATH:
      case MD_SPAN_LATEXMATH_DISPLAY:
        code_begin_ = inline_.text.size();
        add(type == MD_SPAN_LATEXMATH ? "$" : "$$", false);
        break;
      default: break;
    }
  }

  void leave(MD_SPANTYPE type) {
    switch (type) {
      case MD_SPAN_EM: --emphasis_; break;
      case MD_SPAN_STRONG: --strong_; break;
      case MD_SPAN_A:
        if (link_ != 0) mark(link_begin_, InlineKind::link, link_);
        link_ = 0;
        break;
      case MD_SPAN_CODE: mark(code_begin_, InlineKind::code, 0); break;
      case MD_SPAN_DEL: mark(strike_begin_, InlineKind::strike, 0); break;
      case MD_SPAN_LATEXMATH:
      case MD_SPAN_LATEXMATH_DISPLAY:
        add(type == MD_SPAN_LATEXMATH ? "$" : "$$", false);
        mark(code_begin_, InlineKind::formula, 0);
        break;
      default: break;
    }
  }

  void text(MD_TEXTTYPE type, std::string_view text) {
    ensure_block();
    switch (type) {
      case MD_TEXT_NULLCHAR: add("\uFFFD", false); break;
      case MD_TEXT_BR:
      case MD_TEXT_SOFTBR: add("\n", false); break;
      case MD_TEXT_ENTITY: add(decode_entity(text), false); break;
      case MD_TEXT_CODE: add(text, block().kind != BlockKind::code); break;
      default: add(text, false); break;
    }
  }

 private:
  MarkdownBlock& block() { return out_.blocks.back(); }

  void push(const Container& container) {
    finish_implicit();
    containers_.push_back(container);
  }

  MarkdownBlock& begin(BlockKind kind) {
    finish_implicit();
    MarkdownBlock fresh;
    fresh.kind = kind;
    for (const Container& container : containers_) {
      if (container.quote)
        ++fresh.quote_depth;
      else
        ++fresh.list_depth, fresh.tight = container.tight;
    }
    fresh.marker = std::exchange(marker_, {});
    fresh.tight = fresh.tight && !std::exchange(apart_, false);
    out_.blocks.push_back(std::move(fresh));
    inline_ = {};
    open_ = true;
    return block();
  }

  void end() {
    if (block().kind != BlockKind::code && block().kind != BlockKind::table)
      block().content = std::exchange(inline_, {});
    open_ = implicit_ = false;
  }

  // Items of tight lists hold text without a paragraph around it.
  void ensure_block() {
    if (open_) return;
    begin(BlockKind::paragraph);
    implicit_ = true;
  }

  void finish_implicit() {
    if (implicit_) end();
  }

  void enter_item(const MD_BLOCK_LI_DETAIL& item) {
    finish_implicit();
    Container& list = containers_.back();
    if (item.is_task)
      marker_ = item.task_mark == ' ' ? "☐" : "☑";
    else
      marker_ = list.ordered ? std::to_string(list.number++) + "." : "•";
    // The first item of a list keeps its distance from the text before; a list inside an item does not.
    apart_ = list.items++ == 0 && std::count_if(containers_.begin(), containers_.end(),
                                                [](const Container& c) { return !c.quote; }) == 1;
  }

  void leave_item() {
    if (!marker_.empty()) begin(BlockKind::paragraph), end();  // an empty item is still seen
    finish_implicit();
  }

  void enter_code(const MD_ATTRIBUTE& language) {
    std::string name(language.text ? std::string_view(language.text, language.size) : std::string_view());
    name.resize(std::min(name.size(), name.find_first_of(" \t,{")));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
    begin(BlockKind::code).language = name;
  }

  void enter_cell(bool head, const MD_BLOCK_TD_DETAIL& cell) {
    inline_ = {};
    if (!head) return;
    block().columns.push_back(cell.align == MD_ALIGN_CENTER  ? Align::centre
                              : cell.align == MD_ALIGN_RIGHT ? Align::right
                                                             : Align::left);
  }

  void open_link(const MD_ATTRIBUTE& href) {
    link_begin_ = inline_.text.size();
    const std::string url = attribute(href);
    if (!is_web_link(url)) return;
    out_.links.push_back(url);
    link_ = static_cast<uint32_t>(out_.links.size());
  }

  static std::string attribute(const MD_ATTRIBUTE& value) {
    std::string out;
    if (!value.text) return out;
    for (size_t i = 0; value.substr_offsets[i] < value.size; ++i) {
      const std::string_view part(value.text + value.substr_offsets[i],
                                  value.substr_offsets[i + 1] - value.substr_offsets[i]);
      out += value.substr_types[i] == MD_TEXT_ENTITY ? decode_entity(part) : std::string(part);
    }
    return out;
  }

  void add(std::string_view text, bool code) {
    if (block().kind == BlockKind::code) {
      block().content.text += text;
      return;
    }
    const size_t begin = inline_.text.size();
    inline_.text += text;
    const bool heading = block().kind == BlockKind::heading;
    FontStyle style;
    style.weight = strong_ > 0 || heading ? FontWeight::bold : FontWeight::regular;
    style.italic = emphasis_ > 0;
    if (code) style.family = FontFamily::mono, style.scale = code_scale;
    if (style == FontStyle{}) return;
    std::vector<FontSpan>& fonts = inline_.fonts;
    if (!fonts.empty() && fonts.back().end == begin && fonts.back().style == style)
      fonts.back().end = inline_.text.size();
    else
      fonts.push_back({begin, inline_.text.size(), style});
  }

  void mark(size_t begin, InlineKind kind, uint32_t link) {
    if (begin < inline_.text.size()) inline_.marks.push_back({begin, inline_.text.size(), kind, link});
  }

  Markdown out_;
  InlineText inline_;
  std::vector<Container> containers_;
  std::string marker_;
  bool open_ = false, implicit_ = false, apart_ = false;
  int emphasis_ = 0, strong_ = 0;
  uint32_t link_ = 0;
  size_t link_begin_ = 0, code_begin_ = 0, strike_begin_ = 0;
};

MD_PARSER make_parser() {
  MD_PARSER parser{};
  parser.flags = MD_FLAG_TABLES | MD_FLAG_STRIKETHROUGH | MD_FLAG_TASKLISTS | MD_FLAG_PERMISSIVEURLAUTOLINKS |
                 MD_FLAG_NOHTML | MD_FLAG_LATEXMATHSPANS | MD_FLAG_NOINDENTEDCODEBLOCKS;
  parser.enter_block = [](MD_BLOCKTYPE type, void* detail, void* reader) {
    return static_cast<Reader*>(reader)->enter(type, detail), 0;
  };
  parser.leave_block = [](MD_BLOCKTYPE type, void*, void* reader) {
    return static_cast<Reader*>(reader)->leave(type), 0;
  };
  parser.enter_span = [](MD_SPANTYPE type, void* detail, void* reader) {
    return static_cast<Reader*>(reader)->enter(type, detail), 0;
  };
  parser.leave_span = [](MD_SPANTYPE type, void*, void* reader) {
    return static_cast<Reader*>(reader)->leave(type), 0;
  };
  parser.text = [](MD_TEXTTYPE type, const MD_CHAR* text, MD_SIZE size, void* reader) {
    return static_cast<Reader*>(reader)->text(type, {text, size}), 0;
  };
  return parser;
}

}  // namespace

Markdown parse_markdown(std::string_view source) {
  const std::string valid = replace_invalid_utf8(source);
  Reader reader;
  const MD_PARSER parser = make_parser();
  md_parse(valid.data(), static_cast<MD_SIZE>(valid.size()), &parser, &reader);
  return std::move(reader).take();
}

}  // namespace fabula::text
