// Markdown that grows: what may be kept, and what has to be read again.
#include <algorithm>
#include <cctype>
#include <utility>

#include "app/gui/text/markdown.h"

namespace fabula::text {

namespace {

// Follows fenced code blocks line by line.
class Fences {
 public:
  bool inside() const { return !fence_.empty(); }

  // true: the line opens or closes a fenced block.
  bool line(std::string_view line) {
    const size_t begin = line.find_first_not_of(' ');
    if (begin == std::string_view::npos || begin > 3 || (line[begin] != '`' && line[begin] != '~'))
      return false;
    const size_t end = std::min(line.size(), line.find_first_not_of(line[begin], begin));
    const std::string_view run = line.substr(begin, end - begin), rest = line.substr(end);
    if (run.size() < 3) return false;
    if (!inside()) {
      if (run[0] == '`' && rest.find('`') != std::string_view::npos) return false;
      fence_ = run;
      return true;
    }
    if (run[0] != fence_[0] || run.size() < fence_.size() ||
        rest.find_first_not_of(" \t\r") != std::string_view::npos)
      return false;
    fence_.clear();
    return true;
  }

 private:
  std::string fence_;
};

// A line that, after an empty one, belongs to no block above it.
bool begins_block(std::string_view line) {
  if (line.empty()) return false;
  const char c = line[0];
  if (std::isalpha(static_cast<unsigned char>(c)) || static_cast<unsigned char>(c) >= 0x80) return true;
  return line.substr(0, 2) == "**" || std::string_view("#\"'($![_`~").find(c) != std::string_view::npos;
}

// Where the text may be cut so that both parts read as they would together: before a line that begins at the
// margin with nothing that could belong to a block above it, after an empty line outside a fenced block.
size_t last_safe_cut(std::string_view source, size_t from) {
  size_t cut = from;
  bool empty_before = false;
  Fences fences;
  for (size_t at = from; at < source.size();) {
    const size_t end = source.find('\n', at);
    if (end == std::string_view::npos) break;  // an unfinished line may still become anything
    const std::string_view line = source.substr(at, end - at);
    if (!fences.inside() && empty_before && begins_block(line)) cut = at;
    fences.line(line);
    empty_before = line.find_first_not_of(" \t\r") == std::string_view::npos;
    at = end + 1;
  }
  return cut;
}

bool has_link_definitions(std::string_view source) {
  return source.find("]:") != std::string_view::npos;
}

}  // namespace

size_t StreamingMarkdown::set_text(std::string_view source) {
  if (source == source_) return document_.blocks.size();
  const bool grows = source.substr(0, stable_bytes_) == std::string_view(source_).substr(0, stable_bytes_);
  if (!grows || has_link_definitions(source)) stable_bytes_ = stable_blocks_ = stable_links_ = 0;
  source_ = source;
  const size_t kept = stable_blocks_;
  document_.blocks.resize(stable_blocks_);
  document_.links.resize(stable_links_);
  const auto read = [&](size_t begin, size_t end) {
    Markdown part = parse_markdown(std::string_view(source_).substr(begin, end - begin));
    parsed_bytes_ += end - begin;
    const auto shift = static_cast<uint32_t>(document_.links.size());
    for (MarkdownBlock& block : part.blocks) {
      for (InlineMark& mark : block.content.marks) mark.link += mark.link != 0 ? shift : 0;
      for (auto& row : block.rows)
        for (InlineText& cell : row)
          for (InlineMark& mark : cell.marks) mark.link += mark.link != 0 ? shift : 0;
      document_.blocks.push_back(std::move(block));
    }
    for (std::string& link : part.links) document_.links.push_back(std::move(link));
  };
  const size_t cut = has_link_definitions(source) ? 0 : last_safe_cut(source_, stable_bytes_);
  if (cut > stable_bytes_) {
    read(stable_bytes_, cut);
    stable_bytes_ = cut;
    stable_blocks_ = document_.blocks.size();
    stable_links_ = document_.links.size();
  }
  read(stable_bytes_, source_.size());
  return kept;
}

}  // namespace fabula::text
