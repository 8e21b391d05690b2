// Markdown as models write it (CommonMark with tables, task lists and strikethrough, read by md4c) as a flat
// list of blocks to lay out. Raw HTML is text; only http and https links are links; images are shown as
// their words.
// Source: spec.commonmark.org. Formulas between dollar signs stay readable as written.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "app/gui/text/style.h"

namespace fabula::text {

enum class InlineKind { code, link, strike, formula };

struct InlineMark {
  size_t begin = 0;
  size_t end = 0;
  InlineKind kind = InlineKind::code;
  uint32_t link = 0;  // 1-based into Markdown::links, for links alone

  bool operator==(const InlineMark&) const = default;
};

struct InlineText {
  std::string text;  // single line feeds are kept as the writer set them
  std::vector<FontSpan> fonts;
  std::vector<InlineMark> marks;

  bool operator==(const InlineText&) const = default;
};

enum class Align { left, centre, right };

enum class BlockKind { paragraph, heading, code, rule, table };

struct MarkdownBlock {
  BlockKind kind = BlockKind::paragraph;
  int level = 0;               // 1 to 6 of a heading
  int quote_depth = 0;         // how many quotes it stands in
  int list_depth = 0;          // how many lists
  bool tight = false;          // follows the block above closely, as items of a tight list do
  std::string marker;          // "•", "3." or a check box before the first block of an item
  InlineText content;          // of a code block: the code, without the last line feed
  std::string language;        // of a code block: the first word of the info string, lower case
  std::vector<Align> columns;  // of a table
  std::vector<std::vector<InlineText>> rows;  // of a table; the first is the head

  bool operator==(const MarkdownBlock&) const = default;
};

struct Markdown {
  std::vector<MarkdownBlock> blocks;
  std::vector<std::string> links;
};

// Any bytes; ill-formed ones become U+FFFD.
Markdown parse_markdown(std::string_view source);

// A text that grows: blocks that further text cannot change any more are kept, only what follows them is read
// again.
class StreamingMarkdown {
 public:
  // Parses what is new. Blocks before the returned index are as they were.
  size_t set_text(std::string_view source);
  const std::vector<MarkdownBlock>& blocks() const { return document_.blocks; }
  const std::vector<std::string>& links() const { return document_.links; }
  const std::string& source() const { return source_; }
  size_t parsed_bytes() const { return parsed_bytes_; }  // ever; tests watch it

 private:
  std::string source_;
  Markdown document_;
  size_t stable_bytes_ = 0;  // of the source, read for good
  size_t stable_blocks_ = 0;
  size_t stable_links_ = 0;
  size_t parsed_bytes_ = 0;
};

}  // namespace fabula::text
