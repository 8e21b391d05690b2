// Lists of spans follow the text they belong to through an edit.
#pragma once

#include <cstddef>
#include <vector>

#include "app/gui/text/style.h"

namespace fabula::text {

// [begin, end) was replaced by `inserted` bytes. What lay inside the replaced range shrinks or goes. join: an
// insertion inside or at the end of a span becomes part of it; otherwise the span is cut in two around it.
template <class Span>
void shift_spans(std::vector<Span>& spans, size_t begin, size_t end, size_t inserted, bool join) {
  if (spans.empty() || (begin == end && inserted == 0)) return;
  std::vector<Span> out;
  out.reserve(spans.size() + 1);
  const auto behind = [&](size_t offset) { return offset - end + begin + inserted; };
  for (const Span& span : spans) {
    if (span.end < begin || (span.end == begin && !join)) {
      out.push_back(span);
    } else if (span.begin >= end && !(span.begin == begin && span.end == begin)) {
      Span moved = span;
      moved.begin = behind(span.begin), moved.end = behind(span.end);
      out.push_back(moved);
    } else if (join && span.begin < begin) {
      Span grown = span;
      grown.end = span.end >= end ? behind(span.end) : begin;
      out.push_back(grown);
    } else {
      Span part = span;
      part.end = begin;
      if (part.begin < part.end) out.push_back(part);
      part = span;
      part.begin = begin + inserted;
      part.end = span.end > end ? behind(span.end) : part.begin;
      if (part.begin < part.end) out.push_back(part);
    }
  }
  spans = std::move(out);
}

}  // namespace fabula::text
